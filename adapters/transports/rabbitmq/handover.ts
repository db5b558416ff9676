import type { Clock } from "../../../runtime/base/clock.ts";
import type { Channel, Delivery, Receiver, Rejection, Tenure } from "../../../runtime/ports/transport.ts";
import type { Message } from "./client.ts";
import { deliveryOf } from "./incoming.ts";

/** The bodies of a batch take at most so many bytes, unless it is one message. */
const batchBytesMax = 4 * 1_024 * 1_024;

/** What a handover needs. */
export interface HandoverOptions {
  readonly channel: Channel;
  readonly shard: string;
  readonly receiver: Receiver;
  readonly batchMax: number;
  readonly clock: Clock;
  /** A batch is taken: it is acknowledged, and what was rejected is put aside. */
  taken(
    messages: readonly Message[],
    rejected: readonly { message: Message; reason: string }[],
  ): Promise<void>;
  /** The receiver has rejected, or `taken` has. */
  failed(error: unknown): void;
}

/** Hands the messages of one tenure over, in batches, one after the other. */
export class Handover implements Tenure {
  readonly #options: HandoverOptions;
  readonly #waiting: Message[] = [];
  readonly #end = new AbortController();
  #begun = false;
  #running: Promise<void> | undefined;
  #stopping = false;

  constructor(options: HandoverOptions) {
    this.#options = options;
  }

  get shard(): string {
    return this.#options.shard;
  }

  get signal(): AbortSignal {
    return this.#end.signal;
  }

  /** The number of messages that wait. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** A message has arrived. */
  add(message: Message): void {
    if (this.#end.signal.aborted) return;
    this.#waiting.push(message);
    if (!this.#stopping) this.#running ??= this.#run().finally(() => this.#running = undefined);
  }

  /** Resolves when the batch under way is settled. There is no other after it. */
  async stop(): Promise<void> {
    this.#stopping = true;
    await this.#running;
    this.end();
  }

  /** Ends the tenure at once. */
  end(): void {
    this.#end.abort();
    this.#waiting.length = 0;
  }

  async #run(): Promise<void> {
    const { receiver, failed } = this.#options;
    try {
      if (!this.#begun) await receiver.begin(this);
      this.#begun = true;
      await this.#turn(); // what came with it is in the same batch
      while (this.#waiting.length > 0 && !this.#stopping && !this.#end.signal.aborted) await this.#step();
    } catch (error) {
      this.#stopping = true;
      failed(error);
    }
  }

  async #step(): Promise<void> {
    const { channel, receiver, taken, clock } = this.#options;
    const messages = this.#next();
    if (messages.length === 0 || this.#stopping) return; // it has ended meanwhile
    const nowMs = clock.now();
    const alive: { message: Message; delivery: Delivery }[] = [];
    for (const message of messages) {
      const delivery = deliveryOf(message, channel, nowMs);
      if (delivery.expiresAtMs === undefined || delivery.expiresAtMs > nowMs) {
        alive.push({ message, delivery });
      }
    }
    const rejections: readonly Rejection[] = alive.length === 0
      ? []
      : await receiver.take(alive.map(({ delivery }) => delivery), this);
    await this.#turn(); // replies that are ready are sent first: somebody waits for them, and nobody for this
    if (this.#end.signal.aborted) return; // its acknowledgement comes too late
    await taken(messages, rejections.map(({ index, reason }) => ({ message: alive[index].message, reason })));
  }

  #turn(): Promise<void> {
    return new Promise((resolve) => this.#options.clock.macrotask(resolve));
  }

  #next(): Message[] {
    let bytes = 0;
    let count = 0;
    for (const { body } of this.#waiting) {
      bytes += body.length;
      if (count === this.#options.batchMax || (count > 0 && bytes > batchBytesMax)) break;
      count++;
    }
    return this.#waiting.splice(0, count);
  }
}
