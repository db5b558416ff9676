import { Histogram } from "../../../runtime/base/histogram.ts";
import { timeBoundsMs } from "./bounds.ts";

/** What was measured of one operation while somebody watched. */
export class OperationMeasures {
  readonly protocol: string;
  readonly operation: string;
  /** Turns that committed, of the messages that were heard of. */
  done = 0;
  /** Turns that failed. */
  failed = 0;
  /** Failed turns that are tried again. */
  retried = 0;
  /** Messages that became dead letters. */
  dead = 0;
  /** The text of the last failure. */
  lastError: string | undefined;
  /** Times in the mailbox. */
  readonly waits = new Histogram(timeBoundsMs);
  /** Times of turns. */
  readonly turns = new Histogram(timeBoundsMs);

  constructor(protocol: string, operation: string) {
    this.protocol = protocol;
    this.operation = operation;
  }

  /** The protocol and the name: `order.place`. */
  get name(): string {
    return `${this.protocol}.${this.operation}`;
  }
}

/** The operations that are measured, at most; those that come later are not. */
const operationsMax = 500;

/** The measures of each operation. */
export class Operations {
  readonly #measures = new Map<string, OperationMeasures>();
  /** Whether there are more operations than are measured. */
  isFull = false;

  /** The measures by name. */
  list(): OperationMeasures[] {
    return [...this.#measures.values()].sort((one, other) => one.name < other.name ? -1 : 1);
  }

  /** The measures of an operation; `undefined` if there are too many. */
  of(protocol: string, operation: string): OperationMeasures | undefined {
    const name = `${protocol}.${operation}`;
    const found = this.#measures.get(name);
    if (found !== undefined) return found;
    if (this.#measures.size >= operationsMax) {
      this.isFull = true;
      return undefined;
    }
    const made = new OperationMeasures(protocol, operation);
    this.#measures.set(name, made);
    return made;
  }

  clear(): void {
    this.#measures.clear();
    this.isFull = false;
  }
}
