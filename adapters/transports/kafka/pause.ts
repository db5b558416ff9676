import type { Clock } from "../../../runtime/base/clock.ts";

/** Waits, or until the signal is aborted. */
export function pause(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  if (signal?.aborted) return Promise.resolve();
  const { promise, resolve } = Promise.withResolvers<void>();
  const cancel = clock.setTimer(delayMs, done);
  signal?.addEventListener("abort", done, { once: true });
  return promise;

  function done(): void {
    cancel();
    signal?.removeEventListener("abort", done);
    resolve();
  }
}

/** Waits for a promise, for a time at most. Resolves with `undefined` if that is over. */
export async function within<Result>(
  clock: Clock,
  limitMs: number,
  promise: Promise<Result>,
): Promise<Result | undefined> {
  const over = new AbortController();
  try {
    return await Promise.race([promise, pause(clock, limitMs, over.signal).then(() => undefined)]);
  } finally {
    over.abort();
  }
}

/** How long to wait before the next attempt: twice as long each time, from 100 ms up to a maximum. */
export function backoffMs(failures: number, mostMs = 1_000): number {
  return Math.min(mostMs, 100 * 2 ** Math.min(failures, 12));
}
