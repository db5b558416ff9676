/** Follows the promise until the signal aborts, then rejects with the signal's reason. */
export function abortable<T>(p: Promise<T>, signal: AbortSignal): Promise<T>;
/** Yields the items until the signal aborts, then throws the signal's reason. */
export function abortable<T>(p: AsyncIterable<T>, signal: AbortSignal): AsyncGenerator<T>;
export function abortable<T>(
  p: Promise<T> | AsyncIterable<T>,
  signal: AbortSignal,
): Promise<T> | AsyncGenerator<T> {
  return Symbol.asyncIterator in p ? abortableItems(p, signal) : abortablePromise(p, signal);
}

function abortablePromise<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    function abort(): void {
      reject(signal.reason);
    }
    if (signal.aborted) abort();
    else signal.addEventListener("abort", abort, { once: true });
    // Followed after an abort too, so that a late rejection does not count as unhandled.
    promise.finally(() => signal.removeEventListener("abort", abort)).then(resolve, reject);
  });
}

async function* abortableItems<T>(items: AsyncIterable<T>, signal: AbortSignal): AsyncGenerator<T> {
  signal.throwIfAborted();
  const iterator = items[Symbol.asyncIterator]();
  let sourceEnded = false;

  async function nextItem(): Promise<IteratorResult<T>> {
    try {
      const result = await iterator.next();
      sourceEnded = result.done === true;
      return result;
    } catch (error) {
      sourceEnded = true;
      throw error;
    }
  }

  try {
    while (true) {
      signal.throwIfAborted();
      const result = await abortablePromise(nextItem(), signal);
      if (result.done) return;
      yield result.value;
    }
  } finally {
    const closing = sourceEnded ? undefined : iterator.return?.();
    // A source that is stuck in next() may never close, and an abort must not wait for it.
    if (signal.aborted) closing?.catch(() => {});
    else await closing;
  }
}
