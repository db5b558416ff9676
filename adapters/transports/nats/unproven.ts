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
/** After so many, or so many bytes, the server is asked about them. */
const askCount = 200;
const askBytes = 1_048_576;

/**
 * The messages that were published without waiting, in order, until the server has shown that it has them. Only those that
 * fail are told.
 */
export class UnprovenMessages {
  #waiting: Unproven[] = [];
  #bytes = 0;
  /** How many of all that there were the server has. */
  #proven = 0;
  /** How many there were, and how many bytes have come since, when the server was asked last. */
  #askedAt = 0;
  #bytesSince = 0;
  /** Where the next one to which nobody listens is looked for. */
  #lookedAt = 0;

  /** How many there are. */
  get size(): number {
    return this.#waiting.length;
  }

  /** How many there were in all. */
  get total(): number {
    return this.#proven + this.#waiting.length;
  }

  /** Whether the server is to be asked about them now. */
  get isMany(): boolean {
    return this.total - this.#askedAt >= askCount || this.#bytesSince >= askBytes;
  }

  hasRoom({ body }: Outgoing): boolean {
    return this.#waiting.length < countMax && this.#bytes + body.length <= bytesMax;
  }

  add(message: Outgoing, failed: (answer: Failed) => void): void {
    this.#waiting.push({ message, failed });
    this.#bytes += message.body.length;
    this.#bytesSince += message.body.length;
  }

  /** The server is asked about them. Returns how many there were in all: what it has when it has answered. */
  ask(): number {
    this.#askedAt = this.total;
    this.#bytesSince = 0;
    return this.total;
  }

  /** The server has as many of all that there were. */
  prove(total: number): void {
    if (total <= this.#proven) return;
    const proven = this.#waiting.splice(0, total - this.#proven);
    for (const { message } of proven) this.#bytes -= message.body.length;
    this.#lookedAt = Math.max(this.#lookedAt - proven.length, 0);
    this.#proven = total;
  }

  /**
   * Nobody listens to the one with that subject of its reply. The server says so in the order in which they were published:
   * so it is looked for behind the last one.
   */
  unheard(reply: string): void {
    const { length } = this.#waiting;
    for (let step = 0; step < length; step++) {
      const index = (this.#lookedAt + step) % length;
      if (this.#waiting[index].message.reply !== reply) continue;
      this.#lookedAt = index + 1;
      return tell(this.#waiting[index], "unheard");
    }
  }

  /** Those with that subject may not be published. */
  denied(subject: string): void {
    for (const one of this.#waiting) if (one.message.subject === subject) tell(one, "denied");
  }

  /** Nobody will know what became of them. */
  end(): void {
    for (const one of this.#waiting) tell(one, undefined);
  }
}

function tell(one: Unproven, answer: Failed): void {
  const { failed } = one;
  one.failed = undefined;
  failed?.(answer);
}
