import type { Channel, Rejection } from "../../../runtime/ports/transport.ts";
import { comesWithResponse } from "./addresses.ts";
import type { Received } from "./parcels.ts";
import { Shard, type ShardServices, type WaitingRequest } from "./shard.ts";

/** How many requests of one service may wait for the one before them: one for each relay, and asks. */
const relaysMax = 8;
const asksMax = 1_000;

/** A channel that is read: each service that sends to it has a shard of its own. */
export class ChannelReading {
  /** Whether it is known that no other service has this inbox. */
  isDeclared: boolean;
  readonly #channel: Channel;
  readonly #services: ShardServices;
  readonly #shards = new Map<string, Shard>();
  /** The names of the operations that are asks. */
  readonly #asks: ReadonlySet<string>;

  constructor(channel: Channel, services: ShardServices, isDeclared: boolean) {
    this.#channel = channel;
    this.#services = services;
    this.isDeclared = isDeclared;
    const operations = channel.kind === "inbox" ? channel.operations : [];
    this.#asks = new Set(operations.filter(({ mode }) => mode === "ask").map(({ name }) => name));
  }

  /** Nothing is handed over any more. */
  end(): void {
    for (const shard of this.#shards.values()) shard.end();
  }

  /** Resolves when nothing is in hand. Nothing is handed over any more. */
  async drain(): Promise<void> {
    await Promise.all(this.#shards.values().map((shard) => shard.drain()));
  }

  /** How many replies come to a message with its response; `undefined` if nobody knows. */
  repliesTo({ replyTo }: Received): number | undefined {
    if (replyTo === undefined || !comesWithResponse(replyTo)) return 0;
    return this.#channel.kind === "inbox" ? 1 : undefined;
  }

  /** Hands a batch over. Resolves with the rejected ones. */
  async take(
    batch: readonly Received[],
    request: WaitingRequest & { readonly from: string },
  ): Promise<readonly Rejection[]> {
    const isAsk = ({ operation = "", replyTo = "" }: Received) =>
      this.#asks.has(operation) && comesWithResponse(replyTo.slice(replyTo.indexOf("/") + 1));
    const indexes = batch.map((_, index) => index);
    const rejections: Rejection[] = [];
    for (const once of [false, true]) { // an ask has no order among others
      const some = indexes.filter((index) => isAsk(batch[index]) === once);
      if (some.length === 0) continue;
      const rejected = await this.#shardOf(request.from, once).take(
        some.map((index) => batch[index]),
        request,
      );
      rejections.push(...rejected.map(({ index, reason }) => ({ index: some[index], reason })));
    }
    return rejections;
  }

  /** Forgets what need not be known any more. Returns in how many milliseconds there is more. */
  sweep(): number | undefined {
    let nextMs: number | undefined;
    for (const [name, shard] of this.#shards) {
      const inMs = shard.sweep();
      if (inMs !== undefined) nextMs = Math.min(nextMs ?? Infinity, inMs);
      else if (shard.isIdle) this.#shards.delete(name);
    }
    return nextMs;
  }

  #shardOf(from: string, once: boolean): Shard {
    const name = once ? `${from} asks` : from;
    const known = this.#shards.get(name);
    if (known !== undefined) return known;
    const shard = new Shard(name, { once, waitingMax: once ? asksMax : relaysMax }, this.#services);
    this.#shards.set(name, shard);
    return shard;
  }
}
