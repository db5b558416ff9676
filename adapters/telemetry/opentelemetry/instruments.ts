import { type Attributes, type MeterProvider, metrics } from "@opentelemetry/api";
import type { Cancel, Clock } from "../../../runtime/base/clock.ts";
import { guarded } from "./guarded.ts";
import type { OperationLabels } from "./labels.ts";
import { Tally, type TallyReport } from "./tally.ts";

/** The bounds of the buckets, in seconds, that the conventions ask for. */
const secondsBounds = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10];

/** How many types of errors are told apart: each code of a `TerminalError` is one. */
const errorsMax = 100;
/** What the conventions call the others. */
const otherError = "_OTHER";

/** After how many milliseconds successes are reported. */
const reportMs = 1_000;

/** The metrics of a system by the conventions for messaging. */
export class Instruments {
  readonly #clock: Clock;
  readonly #sends: (labels: OperationLabels) => Tally;
  readonly #turns: (labels: OperationLabels) => Tally;
  readonly #recordWait: (waitedMs: number, attributes: Attributes) => void;
  readonly #countDead: (times: number, attributes: Attributes) => void;
  readonly #gathers: () => boolean;
  readonly #errors = new Set<string>();
  /** The tallies that have something to report. */
  #due: Tally[] = [];
  #timer: Cancel | undefined = undefined;

  /** Tells of successes together while `gathers` says that somebody will call `end`; otherwise of each at once. */
  constructor(provider: MeterProvider | undefined, clock: Clock, gathers: () => boolean) {
    this.#clock = clock;
    this.#gathers = gathers;
    // Each is guarded: what one of them throws keeps no number from the others.
    const meter = guarded(() => (provider ?? metrics).getMeter("posthorn"));
    const histogram = (name: string, description: string) => {
      const advice = { explicitBucketBoundaries: secondsBounds };
      const created = guarded(() => meter?.createHistogram(name, { unit: "s", advice, description }));
      return (ms: number, attributes: Attributes) => guarded(() => created?.record(ms / 1_000, attributes));
    };
    const counter = (name: string, description: string) => {
      const created = guarded(() => meter?.createCounter(name, { unit: "{message}", description }));
      return (times: number, attributes: Attributes) => guarded(() => created?.add(times, attributes));
    };
    this.#sends = this.#tallies("sending", {
      record: histogram(
        "messaging.client.operation.duration",
        "How long sends took until they were accepted",
      ),
      count: counter(
        "messaging.client.sent.messages",
        "Messages that were sent, with those that were refused",
      ),
    });
    this.#turns = this.#tallies("processing", {
      record: histogram("messaging.process.duration", "How long handlers took"),
      count: counter(
        "messaging.client.consumed.messages",
        "Messages that were given to handlers, with each attempt",
      ),
    });
    this.#recordWait = histogram(
      "messaging.posthorn.wait.duration",
      "How long messages waited for their first turn, of a sample",
    );
    this.#countDead = counter("messaging.posthorn.dead_letters", "Messages that became dead letters");
  }

  /** The tally of the sends of an operation. */
  sends(labels: OperationLabels): Tally {
    return this.#sends(labels);
  }

  /** The tally of the turns of an operation. */
  turns(labels: OperationLabels): Tally {
    return this.#turns(labels);
  }

  /** A message of the sample has begun its first turn. */
  waited(labels: OperationLabels, waitedMs: number): void {
    this.#recordWait(waitedMs, labels.processing);
  }

  /** A message has become a dead letter. */
  dead(labels: OperationLabels, reason: string): void {
    this.#countDead(1, this.#withError(labels.processing, reason));
  }

  /** The system has ended: what is not reported yet is. */
  end(): void {
    this.#timer?.();
    this.#report();
  }

  #tallies(
    what: "sending" | "processing",
    to: Pick<TallyReport, "record" | "count">,
  ): (labels: OperationLabels) => Tally {
    const tallies = new Map<OperationLabels, Tally>();
    const report: TallyReport = {
      ...to,
      withError: (attributes, error) => this.#withError(attributes, error),
      due: (tally) => this.#add(tally),
    };
    return (labels) => {
      const known = tallies.get(labels);
      if (known !== undefined) return known;
      const tally = new Tally(labels[what], report);
      tallies.set(labels, tally);
      return tally;
    };
  }

  #add(tally: Tally): void {
    this.#due.push(tally);
    if (!this.#gathers()) return this.#report();
    this.#timer ??= this.#clock.setTimer(reportMs, () => this.#report());
  }

  #report(): void {
    this.#timer = undefined;
    const due = this.#due;
    this.#due = [];
    for (const tally of due) tally.report();
  }

  /** The attributes with the type of an error, or with that of all others, because each makes numbers of its own. */
  #withError(attributes: Attributes, error: string): Attributes {
    const isKnown = this.#errors.has(error) || this.#errors.size < errorsMax;
    if (isKnown) this.#errors.add(error);
    return { ...attributes, "error.type": isKnown ? error : otherError };
  }
}
