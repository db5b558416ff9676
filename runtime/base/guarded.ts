/** Returns the result of `read`, or `otherwise` if it throws, as a getter or a revoked Proxy may. */
export function guarded<Result>(read: () => Result, otherwise: Result): Result {
  try {
    return read();
  } catch {
    return otherwise;
  }
}
