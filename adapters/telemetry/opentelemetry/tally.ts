import type { Attributes } from "@opentelemetry/api";
import { isThenable } from "../../../runtime/base/thenable.ts";
import type { Clock } from "../../../runtime/base/clock.ts";
import { errorType } from "./error_type.ts";

/** How many durations are recorded in a millisecond, and how many at once after a pause. */
const durationsPerMs = 0.1;
const durationsMax = 1_000;
/**
 * How many successes are not measured before the clock is read again, when no more durations may be recorded; fewer if they
 * are reported before.
 */
const skippedMax = 32;

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
 * many messages do, so successes are told of together. Of an operation that is busy for long, a hundred durations a second
 * are.
 */
export class Tally {
  readonly #attributes: Attributes;
  readonly #to: TallyReport;
  /** The successes that were not reported yet. */
  #succeeded = 0;
  /** How many durations may be recorded now. */
  #durations = durationsMax;
  /** When the clock was read last, and how many more begin before it is read again. */
  #lookedMs = 0;
  #toSkip = 0;

  constructor(attributes: Attributes, to: TallyReport) {
    this.#attributes = attributes;
    this.#to = to;
  }

  /** One begins. Returns when, by the monotonic clock, if its duration is to be measured. */
  begin(clock: Pick<Clock, "monotonicMs">): number | undefined {
    if (this.#toSkip > 0) {
      this.#toSkip--;
      return undefined;
    }
    const nowMs = clock.monotonicMs();
    this.#durations = Math.min(this.#durations + (nowMs - this.#lookedMs) * durationsPerMs, durationsMax);
    this.#lookedMs = nowMs;
    if (this.#durations < 1) {
      this.#toSkip = skippedMax;
      return undefined;
    }
    this.#durations--;
    return nowMs;
  }

  /** Counts one that is not measured when its result is there. */
  follow(result: unknown): void {
    if (isThenable(result)) Promise.resolve(result).then(this.succeeded, this.failed);
    else this.succeeded();
  }

  readonly succeeded = (): void => this.end(undefined, undefined);
  readonly failed = (error: unknown): void => this.end(errorType(error), undefined);

  /** One has ended, with an error of that type if it failed. */
  end(error: string | undefined, tookMs: number | undefined): void {
    if (error === undefined) {
      if (this.#succeeded++ === 0) this.#to.due(this);
      if (tookMs !== undefined) this.#to.record(tookMs, this.#attributes);
      return;
    }
    this.#toSkip = 0; // what is told of at once takes longer than the clock
    const attributes = this.#to.withError(this.#attributes, error);
    this.#to.count(1, attributes);
    if (tookMs !== undefined) this.#to.record(tookMs, attributes);
  }

  /** Reports the successes. */
  report(): void {
    const succeeded = this.#succeeded;
    this.#succeeded = 0;
    this.#toSkip = 0; // the next one may come much later
    this.#to.count(succeeded, this.#attributes);
  }
}
