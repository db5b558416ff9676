import type { Channel, Delivery, Receiver } from "../../../runtime/ports/transport.ts";
import type { Clock } from "../../../runtime/base/clock.ts";
import type { BrokerFate } from "./faults.ts";
import type { BrokerClient } from "./client.ts";
import { type CarriedMessage, SimulatedShard } from "./shard.ts";
import { SimulatedTenancy, type TenancyHost } from "./tenancy.ts";

/** What reads a queue. */
export interface QueueReader {
  readonly client: BrokerClient;
  readonly receiver: Receiver;
  readonly channel: Channel;
}

/** What a queue needs of its broker. */
export interface QueueHost {
  readonly clock: Clock;
  readonly fate: BrokerFate;
  note(step: string): void;
  rejected(queue: string, delivery: Delivery, reason: string): void;
}

/** How long a shard is left alone for which nobody can be reached, in milliseconds. */
const retryMs = 400;
const restMsMax = 200;
/** In half of all cases an old tenure hears at once that its shard has moved. */
const soonMs = 60;

/** What waits for one service, or one process, and who reads it. */
export class SimulatedQueue {
  readonly name: string;
  readonly shards: readonly SimulatedShard[];
  /** Until when it takes nothing. */
  blockedUntilMs = -Infinity;
  readonly #host: QueueHost;
  readonly #readers = new Set<QueueReader>();

  constructor(name: string, shards: number, epoch: string | undefined, host: QueueHost) {
    this.name = name;
    this.#host = host;
    this.shards = Array.from(
      { length: shards },
      (_, index) => new SimulatedShard(name, String(index), epoch),
    );
  }

  append(key: string, message: CarriedMessage): void {
    const { clock, fate } = this.#host;
    const shard = this.shards[hashOf(key) % this.shards.length];
    shard.append(message);
    if (fate.strikes("moveInBurst")) clock.setTimer(fate.below("burstMsMax"), () => this.move(shard));
  }

  join(reader: QueueReader): void {
    this.#readers.add(reader);
    for (const shard of this.shards) this.#assign(shard);
  }

  /** Gives the shards of a reader to others, at once; of a crashed one when the broker has noticed. */
  leave(reader: QueueReader, afterMs = 0): void {
    this.#readers.delete(reader);
    for (const shard of this.shards) {
      if (reader.client.crashed) {
        this.#host.clock.setTimer(afterMs, () => this.#forget(shard, reader.client));
        continue;
      }
      for (const tenancy of shard.tenancies) if (tenancy.client === reader.client) tenancy.end();
    }
  }

  /** Gives the shards of a reader to others, when the batches under way are acknowledged. */
  async drain(reader: QueueReader): Promise<void> {
    this.#readers.delete(reader);
    const mine = this.shards.flatMap(({ tenancies }) => [...tenancies]).filter(({ client }) =>
      client === reader.client
    );
    await Promise.all(mine.map((tenancy) => tenancy.stop()));
  }

  /** Gives a shard to somebody, maybe the same. The old tenure hears of it later. */
  move(shard: SimulatedShard): void {
    const { fate } = this.#host;
    const old = shard.tenancy;
    if (old === undefined) return;
    shard.tenancy = undefined;
    old.moved(fate.share() < 0.5 ? fate.below("toldMsMax") : fate.share() * soonMs);
    this.#assign(shard);
  }

  /** Moves the shards that a process has. */
  moveFrom(client: BrokerClient): void {
    for (const shard of this.shards) if (shard.tenancy?.client === client) this.move(shard);
  }

  /** A process has crashed: nobody tells its tenures. */
  #forget(shard: SimulatedShard, client: BrokerClient): void {
    if (shard.tenancy?.client !== client) return;
    shard.tenancies.delete(shard.tenancy);
    shard.tenancy = undefined;
    this.#assign(shard);
  }

  #assign(shard: SimulatedShard): void {
    const { clock, fate, note } = this.#host;
    if (shard.tenancy !== undefined || this.#readers.size === 0) return;
    const nowMs = clock.now();
    const reachable = [...this.#readers].filter(({ client }) =>
      !client.crashed && !client.paused && client.unreachableUntilMs <= nowMs
    );
    if (reachable.length === 0 || shard.unreadUntilMs > nowMs) {
      return void clock.setTimer(retryMs, () => this.#assign(shard));
    }
    const { client, receiver } = reachable[fate.pick(reachable.length)];
    note(`${client.name} reads ${shard.title}`);
    const tenancy = new SimulatedTenancy(shard, client, receiver, this.#tenancyHost);
    void tenancy.run();
  }

  get #tenancyHost(): TenancyHost {
    const { clock, fate, rejected } = this.#host;
    return {
      clock,
      fate,
      rejected: (_, delivery, reason) => rejected(this.name, delivery, reason),
      over: (shard) => void clock.setTimer(fate.share() * restMsMax, () => this.#assign(shard)),
    };
  }
}

function hashOf(text: string): number {
  let hash = 2_166_136_261;
  for (let index = 0; index < text.length; index++) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 16_777_619);
  }
  return (hash ^ (hash >>> 13)) >>> 0;
}
