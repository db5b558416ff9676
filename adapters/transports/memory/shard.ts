import type { Delivery } from "../../../runtime/ports/transport.ts";

/** A message as a broker keeps it. */
export type StoredMessage = Omit<Delivery, "position" | "again">;

/** The messages that are handed over at once. */
const batchMax = 100;
/** The acknowledged messages that a log keeps. */
const keptMax = 1_000;

/** The messages of a shard in order, and how far they are acknowledged. */
export class MemoryShard {
  readonly name: string;
  /** The identity of the log; absent in a queue. */
  readonly epoch: string | undefined;
  readonly #messages: StoredMessage[] = [];
  /** The position of the first message that is kept. */
  #first = 0;
  /** The position of the first message that is not acknowledged, and of the first that was never handed over. */
  #unacknowledged = 0;
  #unseen = 0;
  #bytes = 0;
  #wake: (() => void) | undefined;

  constructor(name: string, epoch: string | undefined) {
    this.name = name;
    this.epoch = epoch;
  }

  /** The number of messages that are not acknowledged, and of the bytes of their bodies. */
  get waiting(): { readonly messages: number; readonly bytes: number } {
    return { messages: this.#end - this.#unacknowledged, bytes: this.#bytes };
  }

  append(message: StoredMessage): void {
    this.#messages.push(message);
    this.#bytes += message.body.length;
    this.wake();
  }

  /** Resolves when there is something to read, or somebody calls `wake`. */
  arrival(): Promise<void> {
    return new Promise((resolve) => void (this.#wake = resolve));
  }

  wake(): void {
    this.#wake?.();
    this.#wake = undefined;
  }

  /** Where a tenure begins that knows the position of what it has already. */
  startOf(known: number | undefined): number {
    if (this.epoch === undefined || known === undefined) return this.#unacknowledged;
    return Math.min(Math.max(known + 1, this.#first), this.#end);
  }

  /** What is read next, without what has expired, and the position behind it. */
  read(from: number, nowMs: number): { readonly batch: readonly Delivery[]; readonly to: number } {
    const to = Math.min(from + batchMax, this.#end);
    const batch: Delivery[] = [];
    for (let position = from; position < to; position++) {
      const message = this.#messages[position - this.#first];
      if (message.expiresAtMs !== undefined && message.expiresAtMs <= nowMs) continue;
      const again = this.epoch === undefined && position < this.#unseen;
      const place = this.epoch === undefined ? {} : { position };
      batch.push({ ...message, body: message.body.slice(), again, ...place }); // a reader may change its bytes
    }
    this.#unseen = Math.max(this.#unseen, to);
    return { batch, to };
  }

  /** Acknowledges everything before a position. */
  acknowledge(to: number): void {
    for (; this.#unacknowledged < to; this.#unacknowledged++) {
      this.#bytes -= this.#messages[this.#unacknowledged - this.#first].body.length;
    }
    const over = this.#unacknowledged - this.#first - (this.epoch === undefined ? 0 : keptMax);
    if (over <= 0) return;
    this.#messages.splice(0, over);
    this.#first += over;
  }

  get #end(): number {
    return this.#first + this.#messages.length;
  }
}
