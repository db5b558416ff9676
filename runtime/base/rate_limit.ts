import type { Clock } from "./clock.ts";

/** The maximum number within one window. */
const countMax = 20;
const windowMs = 1_000;

/** Allows 20 calls in a second, and counts the others: requests from outside can cause any number of failures. */
export class RateLimit {
  readonly #clock: Clock;
  #windowStartMs = -Infinity;
  #count = 0;
  #leftOut = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Whether one more call is allowed now; if not, it is counted. */
  take(): boolean {
    const nowMs = this.#clock.monotonicMs();
    if (nowMs - this.#windowStartMs >= windowMs) {
      this.#windowStartMs = nowMs;
      this.#count = 0;
    }
    if (this.#count < countMax) {
      this.#count++;
      return true;
    }
    this.#leftOut++;
    return false;
  }

  /** The number that was not allowed since the last call of this method. */
  takeLeftOut(): number {
    const leftOut = this.#leftOut;
    this.#leftOut = 0;
    return leftOut;
  }
}
