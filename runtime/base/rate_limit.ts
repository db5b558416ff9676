import type { Clock } from "./clock.ts";

/** How many pass within one window. */
const countMax = 20;
const windowMs = 1_000;

/** Lets 20 pass in a second, and counts the others: strangers decide how many failures there are. */
export class RateLimit {
  readonly #clock: Clock;
  #windowStartMs = -Infinity;
  #count = 0;
  #leftOut = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Whether one more may pass now; if not, it is counted. */
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

  /** How many did not pass since the last call. */
  takeLeftOut(): number {
    const leftOut = this.#leftOut;
    this.#leftOut = 0;
    return leftOut;
  }
}
