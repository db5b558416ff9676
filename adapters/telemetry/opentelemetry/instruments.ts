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

/** The metrics of a system by the conventions for messaging. */
export class Instruments {
  readonly #operations: Histogram;
  readonly #sent: Counter;
  readonly #turns: Histogram;
  readonly #consumed: Counter;
  readonly #waited: Histogram;
  readonly #dead: Counter;

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
    const attributes = withError(labels.sending, error);
    this.#operations.record(tookMs / 1_000, attributes);
    this.#sent.add(1, attributes);
  }

  /** A handler has ended, with an error of that type if it failed. */
  handled(labels: OperationLabels, tookMs: number, error: string | undefined): void {
    const attributes = withError(labels.processing, error);
    this.#turns.record(tookMs / 1_000, attributes);
    this.#consumed.add(1, attributes);
  }

  /** A message of the sample has begun its first turn. */
  waited(labels: OperationLabels, waitedMs: number): void {
    this.#waited.record(waitedMs / 1_000, labels.processing);
  }

  /** A message has become a dead letter. */
  dead(labels: OperationLabels, reason: string): void {
    this.#dead.add(1, withError(labels.processing, reason));
  }
}

function withError(attributes: Attributes, error: string | undefined): Attributes {
  return error === undefined ? attributes : { ...attributes, "error.type": error };
}
