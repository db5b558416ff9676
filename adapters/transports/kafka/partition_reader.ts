import type { Clock } from "../../../runtime/base/clock.ts";
import { pause } from "../../../runtime/base/pause.ts";
import type { Delivery, Receiver, Tenure } from "../../../runtime/ports/transport.ts";
import type { Fetched, ReadRecord } from "./link.ts";
import { backoffMs } from "./waiting.ts";

/** What is handed over at once, at most. */
const batchRecords = 500;
const batchBytes = 4_194_304;
/** What may wait to be handed over before no more is fetched. */
const waitingRecords = 2_000;
const waitingBytes = 2_097_152;

/** What a partition reader must know about its partition. */
export interface PartitionPlan {
  readonly partition: number;
  readonly shard: string;
  readonly epoch: string;
  /** The offset to read from, if the receiver knows that it has all up to a position. */
  start(position: number | undefined): Promise<number>;
  /** The message of a record; `undefined` if it is not for this process. */
  deliver(record: ReadRecord): Delivery | undefined;
  /** All records before this offset have been accepted. */
  acknowledge(next: number): void;
  /** Puts a record where dead letters are kept. */
  reject(record: ReadRecord, reason: string): Promise<void>;
}

/**
 * Hands what is read of a partition to a receiver, batch by batch, in tenures: if a batch is not accepted, its tenure ends,
 * and the next one reads from the same batch again.
 */
export class PartitionReader {
  readonly plan: PartitionPlan;
  readonly #receiver: Receiver;
  readonly #clock: Clock;
  readonly #stopped = new AbortController();
  readonly #waiting: ReadRecord[] = [];
  #waitingBytes = 0;
  #from: number | undefined;
  #tenure = new AbortController();
  #arrived: (() => void) | undefined;
  /** Is called if more can be fetched. */
  onRoom: () => void = () => {};

  constructor(plan: PartitionPlan, receiver: Receiver, clock: Clock) {
    this.plan = plan;
    this.#receiver = receiver;
    this.#clock = clock;
  }

  /** The offset to fetch from; `undefined` if enough is waiting, or nothing has begun. */
  get wanted(): number | undefined {
    const enough = this.#waiting.length >= waitingRecords || this.#waitingBytes >= waitingBytes;
    return enough || this.#stopped.signal.aborted ? undefined : this.#from;
  }

  /** Takes what a fetch from an offset found. */
  put(from: number, { records, next }: Fetched): void {
    if (from !== this.#from) return; // another tenure has begun meanwhile
    this.#from = next;
    for (const record of records) {
      this.#waiting.push(record);
      this.#waitingBytes += bytesOf(record);
    }
    if (records.length > 0) this.#arrived?.();
    else if (next > from && this.#waiting.length === 0 && this.#arrived !== undefined) {
      this.plan.acknowledge(next);
    }
  }

  /** The log begins and ends elsewhere: goes on at the nearest offset that exists. */
  clamp(start: number, end: number): void {
    if (this.#from !== undefined) this.#from = Math.min(Math.max(this.#from, start), end);
  }

  /** Reads until it is stopped. */
  async run(): Promise<void> {
    for (let failures = 0; !this.#stopped.signal.aborted;) {
      const tenure = this.#tenure = new AbortController();
      try {
        await this.#read(
          { shard: this.plan.shard, epoch: this.plan.epoch, signal: tenure.signal },
          () => failures = 0,
        );
      } catch {
        // The receiver knows why it did not take the batch. All of it comes again.
      }
      tenure.abort();
      this.#discard();
      if (!this.#stopped.signal.aborted) {
        await pause(this.#clock, backoffMs(failures++), this.#stopped.signal);
      }
    }
  }

  /** Hands nothing over any more. The batch in hand may settle. */
  stop(): void {
    this.#stopped.abort();
    this.#arrived?.();
  }

  /** The way to the broker was cut: another tenure begins, which reads from what was acknowledged last. */
  interrupt(): void {
    this.#tenure.abort();
    this.#arrived?.();
  }

  /** Ends the tenure: somebody else may read the partition, so nothing is acknowledged any more. */
  end(): void {
    this.stop();
    this.#tenure.abort();
  }

  async #read(tenure: Tenure, succeeded: () => void): Promise<void> {
    const from = await this.plan.start(await this.#receiver.begin(tenure));
    if (this.#stopped.signal.aborted || tenure.signal.aborted) return;
    this.#from = from;
    this.onRoom();
    const { signal } = tenure;
    for (let batch = await this.#next(signal); batch.length > 0; batch = await this.#next(signal)) {
      const records: ReadRecord[] = [];
      const deliveries: Delivery[] = [];
      for (const record of batch) {
        const delivery = this.plan.deliver(record);
        if (delivery === undefined) continue;
        records.push(record);
        deliveries.push(delivery);
      }
      if (deliveries.length > 0) {
        const rejections = await this.#receiver.take(deliveries, tenure);
        if (signal.aborted) return;
        for (const { index, reason } of rejections) await this.plan.reject(records[index], reason);
      }
      if (signal.aborted) return;
      const next = batch.at(-1)!.offset + 1;
      this.plan.acknowledge(this.#waiting.length === 0 ? this.#from ?? next : next); // behind what is no message, too
      succeeded();
    }
  }

  /** The next batch; an empty one if the tenure has ended. */
  async #next(signal: AbortSignal): Promise<readonly ReadRecord[]> {
    while (this.#waiting.length === 0 && !this.#stopped.signal.aborted && !signal.aborted) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#arrived = resolve;
      await promise;
      this.#arrived = undefined;
    }
    if (this.#stopped.signal.aborted || signal.aborted) return [];
    let bytes = 0;
    let count = 0;
    for (const record of this.#waiting) {
      bytes += bytesOf(record);
      if (count === batchRecords || (count > 0 && bytes > batchBytes)) break;
      count++;
    }
    const wasFull = this.wanted === undefined;
    const batch = this.#waiting.splice(0, count);
    for (const record of batch) this.#waitingBytes -= bytesOf(record);
    if (wasFull && this.wanted !== undefined) this.onRoom();
    return batch;
  }

  #discard(): void {
    this.#from = undefined;
    this.#waiting.length = 0;
    this.#waitingBytes = 0;
  }
}

function bytesOf({ key, value }: ReadRecord): number {
  return 100 + value.length + (key?.length ?? 0);
}
