import type { Clock } from "../../base/clock.ts";

/** A smaller change is not a step: operating systems adjust their clocks all the time. */
const leastMs = 1_000;

/**
 * Measures how far the machine's clock was set back while this process runs. The monotonic clock never goes back, so
 * the distance between the two shows it. A time that was written before by the machine's clock is reached so much
 * later. A step forward counts too: a clock that is set forward and then right again is back at nothing.
 */
export class ClockSteps {
  readonly #clock: Clock;
  #distanceMs: number;
  #backMs = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#distanceMs = clock.now() - clock.monotonicMs();
  }

  /** How far the clock was set back in all, less how far it was set forward, in milliseconds. */
  get backMs(): number {
    const distanceMs = this.#clock.now() - this.#clock.monotonicMs();
    const stepMs = this.#distanceMs - distanceMs;
    if (Math.abs(stepMs) >= leastMs) this.#backMs += stepMs;
    this.#distanceMs = distanceMs;
    return this.#backMs;
  }
}
