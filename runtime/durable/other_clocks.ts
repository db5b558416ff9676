import type { Clock } from "../clock.ts";

/** What is less is no difference: the clocks of machines are never the same, and what is told takes its time. */
const leastMs = 60_000;
/** A clock that is further behind is wrong, and holds up nothing. */
const mostMs = 86_400_000;
/** How long this process listens before it trusts its own clock with what it deletes, and how far not until then. */
const settleMs = 15_000;
const unsettledMs = 3_600_000;

/**
 * What the clocks of the instances that live say, as they tell it with each beat. What is kept until a time is over when it
 * is over by all of them: an instance whose clock is ahead lets nothing go that the others promised to keep.
 */
export class OtherClocks {
  readonly #clock: Clock;
  readonly #bornMs: number;
  /** How far each is from the time that delays are measured with, which no step of this clock changes. */
  readonly #distances = new Map<string, number>();
  /** The slowest of all clocks, for what a store deletes. */
  readonly slowest: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#bornMs = clock.monotonicMs();
    this.slowest = {
      now: () => clock.now() - Math.max(this.aheadMs, this.#settled ? 0 : unsettledMs),
      monotonicMs: () => clock.monotonicMs(),
      setTimer: (delayMs, callback) => clock.setTimer(delayMs, callback),
      macrotask: (callback) => clock.macrotask(callback),
      yield: (callback) => clock.yield(callback),
    };
  }

  /** An instance has just told its time. */
  heard(instance: string, atMs: number): void {
    this.#distances.set(instance, atMs - this.#clock.monotonicMs());
  }

  /** Whether an instance is known to live. */
  hears(instance: string): boolean {
    return this.#distances.has(instance);
  }

  /** An instance lives no longer. */
  gone(instance: string): void {
    this.#distances.delete(instance);
  }

  /** By how much this clock is ahead of the slowest of the others. */
  get aheadMs(): number {
    if (this.#distances.size === 0) return 0;
    const own = this.#clock.now() - this.#clock.monotonicMs();
    const aheadMs = own - Math.min(...this.#distances.values());
    return aheadMs < leastMs ? 0 : Math.min(aheadMs, mostMs);
  }

  get #settled(): boolean {
    return this.#clock.monotonicMs() - this.#bornMs >= settleMs;
  }
}
