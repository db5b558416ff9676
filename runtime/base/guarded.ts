/** What `read` returns; `otherwise` if it throws, as a getter may or a Proxy that was revoked. */
export function guarded<Result>(read: () => Result, otherwise: Result): Result {
  try {
    return read();
  } catch {
    return otherwise;
  }
}
