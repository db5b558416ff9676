import type { Cancel, Clock } from "../../../runtime/base/clock.ts";

/** What is waited for. */
interface Waiting {
  readonly untilMs: number;
  readonly late: () => void;
}

/**
 * Bounds how long promises are waited for. All share one timer, which goes on when nothing is waited for and then finds
 * that: to set and to cancel one for each statement would cost more than the rest that the client does for it.
 */
export class TimeLimits {
  readonly #clock: Clock;
  readonly #waiting = new Set<Waiting>();
  #cancel: Cancel = () => {};
  #dueMs = Infinity;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Settles as the promise does, or rejects if that does not happen within that time. */
  within<Result>(ms: number, promise: Promise<Result>): Promise<Result> {
    return new Promise((resolve, reject) => {
      const waiting: Waiting = {
        untilMs: this.#clock.monotonicMs() + ms,
        late: () => reject(new Error(`it did not answer within ${ms / 1_000} s`)),
      };
      this.#waiting.add(waiting);
      this.#look(waiting.untilMs);
      const settled = () => this.#waiting.delete(waiting);
      promise.then((result) => {
        settled();
        resolve(result);
      }, (error) => {
        settled();
        reject(error);
      });
    });
  }

  /** Waits for nothing any more: what is under way has no limit. */
  end(): void {
    this.#cancel();
    this.#dueMs = 0; // no timer is set again
  }

  /** Looks then, if not before. */
  #look(atMs: number): void {
    if (atMs >= this.#dueMs) return;
    this.#cancel();
    this.#dueMs = atMs;
    this.#cancel = this.#clock.setTimer(atMs - this.#clock.monotonicMs(), () => this.#reject());
  }

  #reject(): void {
    const nowMs = this.#clock.monotonicMs();
    this.#dueMs = Infinity;
    let nextMs = Infinity;
    for (const waiting of this.#waiting) {
      if (waiting.untilMs > nowMs) nextMs = Math.min(nextMs, waiting.untilMs);
      else {
        this.#waiting.delete(waiting);
        waiting.late();
      }
    }
    if (nextMs < Infinity) this.#look(nextMs);
  }
}
