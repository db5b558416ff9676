/** Follows the promise until the signal aborts, then rejects with the signal's reason. */
export function abortable<T>(p: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    if (signal.aborted) abort();
    else signal.addEventListener("abort", abort, { once: true });
    // Followed after an abort too, so that a late rejection does not count as unhandled.
    p.finally(() => signal.removeEventListener("abort", abort)).then(resolve, reject);
  });
}
