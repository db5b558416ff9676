/** The result of a promise; `undefined` if it rejects, because whoever rejects has said why, or if the signal is aborted. */
export function settled<Value>(
  promise: Promise<Value>,
  signal: AbortSignal,
): Promise<{ readonly value: Value } | undefined> {
  return new Promise((resolve) => {
    const abort = () => resolve(undefined);
    const end = (result?: { readonly value: Value }) => {
      signal.removeEventListener("abort", abort);
      resolve(result);
    };
    signal.addEventListener("abort", abort);
    promise.then((value) => end({ value }), () => end());
    if (signal.aborted) abort();
  });
}
