import { Histogram } from "../../runtime/base/histogram.ts";
import type { InspectedMessage, Inspection } from "../../runtime/ports/inspection.ts";
import type { Family, Labels } from "./exposition.ts";

/** The bounds of times, in seconds: from a turn in memory to messages that wait for half an hour. */
const secondsBounds = [
  0.0001,
  0.0005,
  0.001,
  0.0025,
  0.005,
  0.01,
  0.025,
  0.05,
  0.1,
  0.25,
  0.5,
  1,
  2.5,
  5,
  10,
  30,
  60,
  300,
  1_800,
];
const partsBounds = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1_024];
/** How many operations, and reasons of dead letters, have numbers of their own: those after them share one. */
const operationsMax = 200;
const reasonsMax = 50;
/** A longer reason is not told: a code is a word, and whoever stores a label has it as often as it reads. */
const reasonUnitsMax = 100;
/** What is behind the bound. No protocol of a user begins so. */
const other = "~other";

/** The figures of one operation. */
interface OperationFigures {
  readonly labels: Labels;
  readonly waiting: Histogram;
  readonly turns: Histogram;
  failed: number;
  retried: number;
}

/** Listens to the events of a system, and keeps what metrics need of them: a bounded number of figures. */
export class MessageMetrics {
  readonly #operations = new Map<string, Map<string, OperationFigures>>();
  #operationCount = 0;
  #others: OperationFigures | undefined;
  readonly #reasons = new Map<string, number>();
  readonly #commits = new Histogram(secondsBounds);
  readonly #parts = new Histogram(partsBounds);

  /** Takes an event. An event of a message that stands for several counts as often. */
  observe(event: Inspection): void {
    switch (event.type) {
      case "started":
        return this.#started(event.message, event.waitedMs);
      case "done":
      case "cancelled":
        return this.#ended(event.message, event.tookMs);
      case "failed":
        this.#ended(event.message, event.tookMs);
        this.#figures(event.message).failed++;
        return;
      case "retrying":
        this.#figures(event.message).retried++;
        return;
      case "dead":
        return this.#dead(event.letter.reason);
      case "committed":
        this.#commits.observe(event.tookMs / 1_000);
        this.#parts.observe(event.parts);
    }
  }

  /**
   * The figures as metrics; `dead` is how many dead letters the system has made: those that came before anybody listened
   * have no reason here. Those of commits are there if it has a `store`.
   */
  families(dead: number, store: boolean): readonly Family[] {
    const all = [...this.#operations.values()].flatMap((operations) => [...operations.values()]);
    if (this.#others !== undefined) all.push(this.#others);
    return [
      {
        type: "histogram",
        name: "wait_seconds",
        help: "How long messages waited in their mailbox, from acceptance to their first turn",
        samples: all.map(({ labels, waiting }) => [labels, waiting]),
      },
      {
        type: "histogram",
        name: "turn_seconds",
        help: "How long handlers took, with what they awaited",
        samples: all.map(({ labels, turns }) => [labels, turns]),
      },
      {
        type: "counter",
        name: "failed_total",
        help: "Turns that failed",
        samples: all.map(({ labels, failed }) => [labels, failed]),
      },
      {
        type: "counter",
        name: "retried_total",
        help: "Failed turns after which the message is tried again",
        samples: all.map(({ labels, retried }) => [labels, retried]),
      },
      { type: "counter", name: "dead_total", help: "Dead letters", samples: this.#deadSamples(dead) },
      ...store ? this.#commitFamilies() : [],
    ];
  }

  #started(message: InspectedMessage, waitedMs: number | undefined): void {
    if (waitedMs === undefined || message.attempts > 1) return; // another attempt waited for its delay
    this.#figures(message).waiting.observe(waitedMs / 1_000, message.stands);
  }

  #ended(message: InspectedMessage, tookMs: number | undefined): void {
    if (tookMs !== undefined) this.#figures(message).turns.observe(tookMs / 1_000, message.stands);
  }

  #dead(reason: string): void {
    const count = this.#reasons.get(reason);
    // Of those that are not well-formed two would be written alike, and a metric may not have the same labels twice.
    const isWord = reason.length <= reasonUnitsMax && reason.isWellFormed();
    const hidden = reason === other || !isWord || this.#reasons.size >= reasonsMax;
    if (count === undefined && hidden) return; // it counts among the others
    this.#reasons.set(reason, (count ?? 0) + 1);
  }

  #figures({ protocol, operation }: InspectedMessage): OperationFigures {
    let operations = this.#operations.get(protocol);
    const known = operations?.get(operation);
    if (known !== undefined) return known;
    if (this.#operationCount === operationsMax) return this.#others ??= figuresOf(other, other);
    if (operations === undefined) this.#operations.set(protocol, operations = new Map());
    const figures = figuresOf(protocol, operation);
    operations.set(operation, figures);
    this.#operationCount++;
    return figures;
  }

  #deadSamples(dead: number): readonly (readonly [Labels, number])[] {
    let others = dead;
    for (const count of this.#reasons.values()) others -= count;
    return [...this.#reasons, ...others > 0 ? [[other, others] as const] : []]
      .map(([reason, count]) => [{ reason }, count]);
  }

  #commitFamilies(): readonly Family[] {
    return [
      {
        type: "counter",
        name: "commits_total",
        help: "Commits that the store has answered",
        samples: [[{}, this.#commits.count]],
      },
      {
        type: "histogram",
        name: "commit_seconds",
        help: "How long commits took, with their repeats",
        samples: [[{}, this.#commits]],
      },
      {
        type: "histogram",
        name: "parts_per_commit",
        help: "Turns and accepted messages that were committed together",
        samples: [[{}, this.#parts]],
      },
    ];
  }
}

function figuresOf(protocol: string, operation: string): OperationFigures {
  return {
    labels: { protocol, operation },
    waiting: new Histogram(secondsBounds),
    turns: new Histogram(secondsBounds),
    failed: 0,
    retried: 0,
  };
}
