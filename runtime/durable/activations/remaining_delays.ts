import type { Clock } from "../../base/clock.ts";

/** The most delays that are known for one actor: as many as messages may wait aside. */
const knownMax = 10_000;

/**
 * The remaining delays until times of day. The first call for a time fixes its delay, and from then on the monotonic clock
 * measures it: nothing waits for an hour more if the clock of the machine is set back by one.
 */
export class RemainingDelays {
  readonly #clock: Clock;
  readonly #known = new Map<string, { readonly untilMs: number; readonly dueMs: number }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * The milliseconds that are left for that name; 0 if it is due. It never waits longer than `mostMs` from the first call
   * on, also if the clock that set the time was ahead of this one.
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
