/** The last time that a date can have, in milliseconds since 1970. */
export const lastTimeMs = 8.64e15;

/** The time so long after another, where something is to happen then: at the latest the last that there is. */
export function timeAfter(nowMs: number, delayMs: number): number {
  return Math.min(nowMs + delayMs, lastTimeMs);
}

/** A time as it is written, where something ends then: absent where that is never, which JSON would make `null` of. */
export function endAt(timeMs: number): number | undefined {
  return timeMs < lastTimeMs ? timeMs : undefined;
}
