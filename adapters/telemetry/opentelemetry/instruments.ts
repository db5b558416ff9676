import {
  type Attributes,
  type Counter,
  type Histogram,
  type MeterProvider,
  metrics,
} from "@opentelemetry/api";
import type { OperationLabels } from "./labels.ts";

/** The bounds of the buckets, in seconds, that the conventions ask for. */
const secondsBounds = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10];

/** How many types of errors are told apart: each code of a `TerminalError` is one. */
const errorsMax = 100;
/** What the conventions call the others. */
const otherError = "_OTHER";

/** The metrics of a system by the conventions for messaging. */
export class Instruments {
  readonly #operations: Histogram;
  readonly #sent: Counter;
  readonly #turns: Histogram;
  readonly #consumed: Counter;
  readonly #waited: Histogram;
  readonly #dead: Counter;
  readonly #errors = new Set<string>();

  constructor(provider: MeterProvider | undefined) {
    const meter = (provider ?? metrics).getMeter("posthorn");
    const duration = { unit: "s", advice: { explicitBucketBoundaries: secondsBounds } };
    const messages = { unit: "{message}" };
    this.#operations = meter.createHistogram("messaging.client.operation.duration", {
      ...duration,
      description: "How long sends took until they were accepted",
    });
    this.#sent = meter.createCounter("messaging.client.sent.messages", {
      ...messages,
      description: "Messages that were sent, with those that were refused",
    });
    this.#turns = meter.createHistogram("messaging.process.duration", {
      ...duration,
      description: "How long handlers took",
    });
    this.#consumed = meter.createCounter("messaging.client.consumed.messages", {
      ...messages,
      description: "Messages that were given to handlers, with each attempt",
    });
    this.#waited = meter.createHistogram("messaging.posthorn.wait.duration", {
      ...duration,
      description: "How long messages waited for their first turn, of a sample",
    });
    this.#dead = meter.createCounter("messaging.posthorn.dead_letters", {
      ...messages,
      description: "Messages that became dead letters",
    });
  }

  /** A send has ended, with an error of that type if it was refused. */
  sent(labels: OperationLabels, tookMs: number, error: string | undefined): void {
    const attributes = this.#withError(labels.sending, error);
    this.#operations.record(tookMs / 1_000, attributes);
    this.#sent.add(1, attributes);
  }

  /** A handler has ended, with an error of that type if it failed. */
  handled(labels: OperationLabels, tookMs: number, error: string | undefined): void {
    const attributes = this.#withError(labels.processing, error);
    this.#turns.record(tookMs / 1_000, attributes);
    this.#consumed.add(1, attributes);
  }

  /** A message of the sample has begun its first turn. */
  waited(labels: OperationLabels, waitedMs: number): void {
    this.#waited.record(waitedMs / 1_000, labels.processing);
  }

  /** A message has become a dead letter. */
  dead(labels: OperationLabels, reason: string): void {
    this.#dead.add(1, this.#withError(labels.processing, reason));
  }

  /** The attributes with the type of an error, or with that of all others, because each makes numbers of its own. */
  #withError(attributes: Attributes, error: string | undefined): Attributes {
    if (error === undefined) return attributes;
    const isKnown = this.#errors.has(error) || this.#errors.size < errorsMax;
    if (isKnown) this.#errors.add(error);
    return { ...attributes, "error.type": isKnown ? error : otherError };
  }
}
