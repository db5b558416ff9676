import type { Clock } from "../../base/clock.ts";

/** How many waits of one actor are known at the most: as many messages as may step aside. */
const knownMax = 10_000;

/**
 * How long is left until times of day that are waited for. The first look sets how long that is, and from then on it is
 * measured like any delay: nothing waits for an hour more where the clock of the machine is set back by one.
 */
export class RemainingDelays {
  readonly #clock: Clock;
  readonly #known = new Map<string, { readonly untilMs: number; readonly dueMs: number }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * How many milliseconds are left for what has that name; 0 where it is due. `mostMs` is how long it was to wait in all:
   * where the clock that set the time was ahead of this one, no longer than that from the first look on.
   */
  leftMs(name: string, untilMs: number, mostMs = Infinity): number {
    const leftMs = Math.min(untilMs - this.#clock.now(), mostMs);
    if (leftMs <= 0) return 0;
    const monotonicMs = this.#clock.monotonicMs();
    const known = this.#known.get(name);
    if (known?.untilMs === untilMs) return Math.max(Math.min(leftMs, known.dueMs - monotonicMs), 0);
    if (this.#known.size === knownMax) this.#known.delete(this.#known.keys().next().value!);
    this.#known.set(name, { untilMs, dueMs: monotonicMs + leftMs });
    return leftMs;
  }
}
