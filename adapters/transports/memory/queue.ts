import type { Cancel, Clock } from "../../../runtime/base/clock.ts";
import type { Delivery, Receiver } from "../../../runtime/ports/transport.ts";
import { MemoryShard, type StoredMessage } from "./shard.ts";
import { Tenancy } from "./tenancy.ts";

/** How long a shard is not read after its receiver has rejected, in milliseconds. */
export const restMs = 100;

/** Whoever reads a queue. */
export interface QueueReader {
  readonly receiver: Receiver;
  readonly clock: Clock;
}

interface Held {
  readonly reader: QueueReader;
  /** Absent while the shard rests. */
  readonly tenancy?: Tenancy;
  readonly cancelRest?: Cancel;
}

/** The options of a queue. */
export interface QueueOptions {
  /** The name of the queue, for dead letters and errors. */
  readonly name: string;
  readonly shards: number;
  /** The identity of the log; absent in a queue. */
  readonly epoch: string | undefined;
  /** A delivery will not be handled. */
  rejected(queue: string, delivery: Delivery, reason: string): void;
}

/** What waits for one service, or one process, and those that read it. Each shard has one reader at a time. */
export class MemoryQueue {
  readonly #options: QueueOptions;
  readonly #shards: readonly MemoryShard[];
  #readers: readonly QueueReader[] = [];
  readonly #held = new Map<MemoryShard, Held>();

  constructor(options: QueueOptions) {
    this.#options = options;
    this.#shards = Array.from(
      { length: options.shards },
      (_, index) => new MemoryShard(String(index), options.epoch),
    );
  }

  get name(): string {
    return this.#options.name;
  }

  /** The number of messages that are not acknowledged, and of the bytes of their bodies. */
  get waiting(): { readonly messages: number; readonly bytes: number } {
    let [messages, bytes] = [0, 0];
    for (const { waiting } of this.#shards) {
      messages += waiting.messages;
      bytes += waiting.bytes;
    }
    return { messages, bytes };
  }

  /** Appends a message to the shard of the key. */
  append(key: string, message: StoredMessage): void {
    this.#shards[hashOf(key) % this.#shards.length].append(message);
  }

  join(reader: QueueReader): void {
    this.#readers = [...this.#readers, reader];
    this.#deal();
  }

  /** Gives the shards of a reader to the others, at once. */
  leave(reader: QueueReader): void {
    this.#readers = this.#readers.filter((other) => other !== reader);
    for (const [shard, held] of this.#heldBy(reader)) {
      this.#held.delete(shard);
      held.cancelRest?.();
      held.tenancy?.end(); // which deals the shard to another
    }
    this.#deal();
  }

  /** Gives the shards of a reader to the others, when the batches under way are acknowledged. */
  async drain(reader: QueueReader): Promise<void> {
    this.#readers = this.#readers.filter((other) => other !== reader);
    await Promise.all(this.#heldBy(reader).map(([, { tenancy }]) => tenancy?.stop()));
    this.leave(reader);
  }

  /** Gives each shard without a reader to the one that has the fewest. */
  #deal(): void {
    for (const shard of this.#shards) {
      if (this.#held.has(shard)) continue;
      const [reader] = this.#readers.toSorted((a, b) => this.#heldBy(a).length - this.#heldBy(b).length);
      if (reader === undefined) return;
      const tenancy = new Tenancy(shard, reader.receiver, {
        clock: reader.clock,
        rejected: (delivery, reason) => this.#options.rejected(this.name, delivery, reason),
        over: (failed) => this.#over(shard, reader, failed),
      });
      this.#held.set(shard, { reader, tenancy });
    }
  }

  #over(shard: MemoryShard, reader: QueueReader, failed: boolean): void {
    this.#held.delete(shard);
    if (!failed) return this.#deal();
    const cancelRest = reader.clock.setTimer(restMs, () => {
      this.#held.delete(shard);
      this.#readers = this.#readers.toSorted((a, b) => Number(a === reader) - Number(b === reader)); // others first
      this.#deal();
    });
    this.#held.set(shard, { reader, cancelRest });
  }

  #heldBy(reader: QueueReader): [MemoryShard, Held][] {
    return [...this.#held].filter(([, held]) => held.reader === reader);
  }
}

function hashOf(text: string): number {
  let hash = 2_166_136_261;
  for (let index = 0; index < text.length; index++) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 16_777_619);
  }
  return (hash ^ (hash >>> 13)) >>> 0;
}
