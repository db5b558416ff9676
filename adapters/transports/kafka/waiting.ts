import type { Clock } from "../../../runtime/base/clock.ts";
import { pause } from "../../../runtime/base/pause.ts";

/** The result of a promise; `undefined` if it does not settle within that time. */
export async function inTime<Result>(
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
