import type { Attributes } from "@opentelemetry/api";

/** How many durations are recorded in a millisecond, and how many at once after a pause. */
const durationsPerMs = 1;
const durationsMax = 1_000;

/** Where the numbers of a tally go. Nothing here throws. */
export interface TallyReport {
  /** Adds to the number of sends or turns. */
  count(times: number, attributes: Attributes): void;
  /** Records how long one took. */
  record(tookMs: number, attributes: Attributes): void;
  /** The attributes of a failure. */
  withError(attributes: Attributes, error: string): Attributes;
  /** There is something to report: `report` is to be called some time. */
  due(tally: Tally): void;
}

/**
 * Counts the sends or the turns of one operation, and measures how long they take. To tell an SDK of a number takes as long as
 * many messages do, so successes are told of together, and if there are more than a thousand a second, the durations of a
 * thousand are.
 */
export class Tally {
  readonly #attributes: Attributes;
  readonly #to: TallyReport;
  /** The successes that were not reported yet. */
  #succeeded = 0;
  /** How many durations may be recorded now. */
  #durations = durationsMax;
  #lookedMs = 0;

  constructor(attributes: Attributes, to: TallyReport) {
    this.#attributes = attributes;
    this.#to = to;
  }

  /** One begins. Returns whether its duration is to be measured. */
  measures(monotonicMs: number): boolean {
    const more = (monotonicMs - this.#lookedMs) * durationsPerMs;
    this.#lookedMs = monotonicMs;
    this.#durations = Math.min(this.#durations + more, durationsMax);
    if (this.#durations < 1) return false;
    this.#durations--;
    return true;
  }

  /** One has ended, with an error of that type if it failed. */
  end(error: string | undefined, tookMs: number | undefined): void {
    if (error === undefined) {
      if (this.#succeeded++ === 0) this.#to.due(this);
      if (tookMs !== undefined) this.#to.record(tookMs, this.#attributes);
      return;
    }
    const attributes = this.#to.withError(this.#attributes, error);
    this.#to.count(1, attributes);
    if (tookMs !== undefined) this.#to.record(tookMs, attributes);
  }

  /** Reports the successes. */
  report(): void {
    const succeeded = this.#succeeded;
    this.#succeeded = 0;
    this.#to.count(succeeded, this.#attributes);
  }
}
