import type { Delivery, Receiver, Rejection, Tenure } from "../../../runtime/ports/transport.ts";
import type { Clock } from "../../../runtime/base/clock.ts";
import type { BrokerFate } from "./faults.ts";
import type { BrokerClient } from "./client.ts";
import type { SimulatedShard } from "./shard.ts";

/** What a tenancy needs of its broker. */
export interface TenancyHost {
  readonly clock: Clock;
  readonly fate: BrokerFate;
  /** A delivery will not be handled. */
  rejected(shard: SimulatedShard, delivery: Delivery, reason: string): void;
  /** A tenancy that still had its shard has ended. */
  over(shard: SimulatedShard): void;
}

/** How much of a queue a process has fetched, that goes on reading it after the shard has moved. */
const fetchedMax = 5;

/** Reads one shard for one process. It may go on for a time after the shard has moved to another one. */
export class SimulatedTenancy implements Tenure {
  readonly shard: string;
  readonly epoch: string | undefined;
  readonly client: BrokerClient;
  readonly #shard: SimulatedShard;
  readonly #receiver: Receiver;
  readonly #host: TenancyHost;
  readonly #end = new AbortController();
  /** What it reads next; absent until it has begun. */
  #next: number | undefined;
  /** The position before which it reads after its shard has moved. */
  #before = Infinity;
  #taking = false;
  #wake: (() => void) | undefined;
  #stopped: (() => void) | undefined;

  constructor(shard: SimulatedShard, client: BrokerClient, receiver: Receiver, host: TenancyHost) {
    this.shard = shard.name;
    this.epoch = shard.epoch;
    this.client = client;
    this.#shard = shard;
    this.#receiver = receiver;
    this.#host = host;
    shard.tenancies.add(this);
    shard.tenancy = this;
  }

  get signal(): AbortSignal {
    return this.#end.signal;
  }

  wake(): void {
    this.#wake?.();
    this.#wake = undefined;
  }

  /** The shard has another tenancy, which this one hears later. */
  moved(toldAfterMs: number): void {
    if (this.epoch === undefined) this.#before = this.#next === undefined ? 0 : this.#next + fetchedMax;
    this.#host.clock.setTimer(toldAfterMs, () => this.client.deliver(() => this.end()));
  }

  /** The process hears that it has ended. */
  end(): void {
    if (this.#end.signal.aborted) return;
    this.#end.abort();
    this.#shard.tenancies.delete(this);
    this.wake();
    this.#stopped?.();
    if (this.#shard.tenancy !== this) return;
    this.#shard.tenancy = undefined;
    this.#host.over(this.#shard);
  }

  /** Ends it when the batch under way is acknowledged. */
  stop(): Promise<void> {
    if (!this.#taking) this.end();
    if (this.signal.aborted) return Promise.resolve();
    return new Promise((resolve) => void (this.#stopped = resolve));
  }

  async run(): Promise<void> {
    try {
      await this.#travel();
      if (this.signal.aborted) return;
      const known = await this.client.call(() => this.#receiver.begin(this));
      this.#next = this.#shard.startOf(known, this.#host.fate);
      while (!this.signal.aborted) this.#next = await this.#readFrom(this.#next);
    } catch { // the receiver knows why
      this.end();
    }
  }

  /** Hands over the next batch, or waits until there may be one. Resolves with the position behind it. */
  async #readFrom(from: number): Promise<number> {
    const { clock, fate, rejected } = this.#host;
    if (this.epoch !== this.#shard.epoch) {
      this.end(); // the process hears that the log is gone
      return from;
    }
    const unreachableMs = this.client.unreachableUntilMs - clock.now();
    if (unreachableMs > 0) {
      await this.#sleep(unreachableMs);
      return from;
    }
    const { batch, to } = this.#shard.read(from, this.#before, clock.now(), fate);
    if (to === from) {
      this.#acknowledge(from); // in case that one was lost
      await new Promise<void>((resolve) => void (this.#wake = resolve));
      return from;
    }
    const rejections = await this.#take(batch);
    if (rejections === undefined) return to;
    for (const { index, reason } of rejections) rejected(this.#shard, batch[index], reason);
    this.#acknowledge(to);
    if (this.#stopped !== undefined) this.end();
    return to;
  }

  /** Hands a batch over, and carries the answer back; `undefined` if the tenure has ended meanwhile. */
  async #take(batch: readonly Delivery[]): Promise<readonly Rejection[] | undefined> {
    if (batch.length === 0) return [];
    await this.#travel();
    if (this.signal.aborted) return undefined;
    this.#taking = true;
    const rejections = await this.client.call(() => this.#receiver.take(batch, this));
    await this.#travel();
    this.#taking = false;
    return this.signal.aborted ? undefined : rejections;
  }

  /** Tells the broker. Whoever has lost a log may still move its position, but not that of a queue. */
  #acknowledge(to: number): void {
    const { fate, clock } = this.#host;
    if (this.client.unreachableUntilMs > clock.now() || fate.strikes("acknowledgementLost")) return;
    if (this.epoch !== this.#shard.epoch) return; // that log is gone
    const own = this.#shard.tenancy === this;
    if (!own && (this.epoch === undefined || fate.share() < 0.5)) return;
    this.#shard.acknowledge(to);
    if (!own) this.#shard.tenancy?.wake(); // which will acknowledge what it has read
  }

  #travel(): Promise<void> {
    return this.#sleep(this.#host.fate.latencyMs());
  }

  #sleep(ms: number): Promise<void> {
    return new Promise((resolve) => void this.#host.clock.setTimer(ms, resolve));
  }
}
