import type { Clock } from "../../base/clock.ts";

/** What is less is no step: clocks are adjusted all the time. */
const leastMs = 1_000;

/**
 * How far the clock of the machine was set back in the life of this process: the time that delays are measured with never
 * goes back, so the distance of the two tells. What was written before with a time by that clock is due so much earlier.
 */
export class ClockSteps {
  readonly #clock: Clock;
  #distanceMs: number;
  #backMs = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#distanceMs = clock.now() - clock.monotonicMs();
  }

  /** How far it was set back in all, in milliseconds. */
  get backMs(): number {
    const distanceMs = this.#clock.now() - this.#clock.monotonicMs();
    if (distanceMs <= this.#distanceMs - leastMs) this.#backMs += this.#distanceMs - distanceMs;
    this.#distanceMs = distanceMs;
    return this.#backMs;
  }
}
