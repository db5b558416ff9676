import type { Clock } from "../../../runtime/base/clock.ts";
import type { Delivery, Receiver, Rejection, Tenure } from "../../../runtime/ports/transport.ts";
import type { MemoryShard } from "./shard.ts";

/** What a tenancy tells its queue. */
export interface TenancyServices {
  readonly clock: Clock;
  /** A delivery will not be handled. */
  rejected(delivery: Delivery, reason: string): void;
  /** The tenancy is over. `failed`: its receiver rejected. */
  over(failed: boolean): void;
}

/** Reads one shard for one receiver, until it is ended or the receiver rejects. */
export class Tenancy implements Tenure {
  readonly #shard: MemoryShard;
  readonly #receiver: Receiver;
  readonly #services: TenancyServices;
  readonly #end = new AbortController();
  #taking = false;
  #stopping: (() => void) | undefined;

  constructor(shard: MemoryShard, receiver: Receiver, services: TenancyServices) {
    this.#shard = shard;
    this.#receiver = receiver;
    this.#services = services;
    void this.#run();
  }

  get shard(): string {
    return this.#shard.name;
  }

  get epoch(): string | undefined {
    return this.#shard.epoch;
  }

  get signal(): AbortSignal {
    return this.#end.signal;
  }

  /** Ends it at once. What is not acknowledged is read again by the next. */
  end(failed = false): void {
    if (this.#end.signal.aborted) return;
    this.#end.abort();
    this.#shard.wake();
    this.#stopping?.();
    this.#services.over(failed);
  }

  /** Ends it when the batch under way is acknowledged. */
  stop(): Promise<void> {
    if (!this.#taking) this.end();
    if (this.#end.signal.aborted) return Promise.resolve();
    return new Promise((resolve) => void (this.#stopping = resolve));
  }

  async #run(): Promise<void> {
    try {
      await undefined; // whoever began it goes first
      if (this.#end.signal.aborted) return;
      let next = this.#shard.startOf(await this.#receiver.begin(this));
      while (!this.#end.signal.aborted) {
        const { batch, to } = this.#shard.read(next, this.#services.clock.now());
        if (to === next) {
          await this.#shard.arrival();
          continue;
        }
        const rejections = await this.#take(batch);
        if (this.#end.signal.aborted) return; // its acknowledgement comes too late
        for (const { index, reason } of rejections) this.#services.rejected(batch[index], reason);
        this.#shard.acknowledge(to);
        next = to;
        if (this.#stopping !== undefined) this.end();
      }
    } catch { // the receiver knows why
      this.end(this.#stopping === undefined);
    }
  }

  async #take(batch: readonly Delivery[]): Promise<readonly Rejection[]> {
    if (batch.length === 0) return [];
    this.#taking = true;
    try {
      return await this.#receiver.take(batch, this);
    } finally {
      this.#taking = false;
    }
  }
}
