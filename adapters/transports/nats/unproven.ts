import type { Outgoing } from "./session.ts";

/** What became of a message that was published without waiting; `undefined` if nobody knows. */
export type Failed = "unheard" | "denied" | undefined;

interface Unproven {
  readonly message: Outgoing;
  /** Is told once. */
  failed: ((answer: Failed) => void) | undefined;
}

/** How many there may be, and how many bytes their bodies may have. */
const countMax = 10_000;
const bytesMax = 16_777_216;

/**
 * The messages that were published without waiting, in order, until the server has shown that it has them. Only those that
 * fail are told.
 */
export class UnprovenMessages {
  #waiting: Unproven[] = [];
  #bytes = 0;
  /** How many of all that there were the server has. */
  #proven = 0;

  /** How many there are. */
  get size(): number {
    return this.#waiting.length;
  }

  /** How many there were in all: what the server has when it has answered a question that was asked now. */
  get total(): number {
    return this.#proven + this.#waiting.length;
  }

  hasRoom({ body }: Outgoing): boolean {
    return this.#waiting.length < countMax && this.#bytes + body.length <= bytesMax;
  }

  add(message: Outgoing, failed: (answer: Failed) => void): void {
    this.#waiting.push({ message, failed });
    this.#bytes += message.body.length;
  }

  /** The server has as many of all that there were. */
  prove(total: number): void {
    if (total <= this.#proven) return;
    for (const { message } of this.#waiting.splice(0, total - this.#proven)) {
      this.#bytes -= message.body.length;
    }
    this.#proven = total;
  }

  /** Tells some of them what became of them. */
  fail(answer: Failed, isMeant: (message: Outgoing) => boolean): void {
    for (const one of this.#waiting) {
      if (!isMeant(one.message)) continue;
      one.failed?.(answer);
      one.failed = undefined;
    }
  }
}
