/** The last time that a date can have, in milliseconds since 1970. */
export const lastTimeMs = 8.64e15;

/** A time plus a delay, at most the last time that a date can have. */
export function timeAfter(nowMs: number, delayMs: number): number {
  return Math.min(nowMs + delayMs, lastTimeMs);
}

/** An end time as it is stored: `undefined` for never, because JSON would store `Infinity` as `null`. */
export function endAt(timeMs: number): number | undefined {
  return timeMs < lastTimeMs ? timeMs : undefined;
}
