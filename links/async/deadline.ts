/** Follows the promise, but rejects with a `TimeoutError` once `ms` milliseconds have passed, of which a timer takes. */
export function deadline<T>(p: Promise<T>, ms: number): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new DOMException("Signal timed out.", "TimeoutError")), ms);
    p.finally(() => clearTimeout(timer)).then(resolve, reject);
  });
}
