import { abortable } from "./abortable.ts";

/** Settings of {@linkcode deadline}. */
export interface DeadlineOptions {
  /** Ends the wait early, with the signal's reason. */
  signal?: AbortSignal;
}

// A longer wait overflows setTimeout and would fire at once.
const longestTimeout = 2 ** 31 - 1;

/** Follows the promise, but rejects with a `TimeoutError` once `ms` milliseconds have passed. */
export async function deadline<T>(p: Promise<T>, ms: number, options: DeadlineOptions = {}): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const limited = new Promise<T>((resolve, reject) => {
    p.then(resolve, reject);
    if (ms > longestTimeout) return;
    timer = setTimeout(() => reject(new DOMException("Signal timed out.", "TimeoutError")), ms);
  });
  try {
    return await (options.signal ? abortable(limited, options.signal) : limited);
  } finally {
    clearTimeout(timer);
  }
}
