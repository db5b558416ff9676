import type { ActorId } from "../../language/address.ts";
import { SingleFlight } from "../../base/single_flight.ts";
import type { UnhostedStats } from "../../ports/stats.ts";
import { indexed, indexPrefix, mailPrefix, nameOfActor, unassigned } from "../rows/keys.ts";
import type { StoreSession } from "../commits/store_session.ts";

/**
 * How many messages may wait for one actor that is not hosted here: as many as turns may send to one with the usual
 * mailbox.
 */
const capacity = 10_000;
/** So close to that it is counted what has gone meanwhile, and again after so long. */
const margin = 1_000;
const countAgainMs = 10_000;
/** How many such actors are known here; of further ones the oldest is forgotten, and counted anew when it is met again. */
const receiversMax = 10_000;
/** The most that one list gives. */
const listMax = 1_000;
/** How many index entries, and how many known receivers, are looked at with each heartbeat. */
const entriesAtHeartbeat = 5;
const receiversAtHeartbeat = 5;

interface UnhostedReceiver {
  readonly actor: ActorId;
  /** About how many messages wait for it. */
  waiting: number;
  /** How many were written since it is being counted. */
  since: number;
  /** When it was counted last, by this process's own clock; never where only its first messages were. */
  countedMs: number;
}

/**
 * Messages that wait in the store for actors whose protocol this system does not host. Others may host it, or nobody ever
 * will: a subscriber that is gone from the program. So they are counted, and bounded for each receiver. To know it
 * exactly each message would have to read, so it is about so many: what this process writes is added, and what others
 * take is found out when it matters, and at heartbeats.
 */
export class Unhosted {
  readonly #session: StoreSession;
  readonly #hosts: (protocol: string) => boolean;
  /** By name, in the order of being met. */
  readonly #receivers = new Map<string, UnhostedReceiver>();
  readonly #toCount = new Set<UnhostedReceiver>();
  readonly #counting = new SingleFlight(() => this.#countAll());
  /** Where the next heartbeat goes on. */
  #lookedAt = indexPrefix(unassigned);

  /** `hosts` says whether a protocol is hosted here. */
  constructor(session: StoreSession, hosts: (protocol: string) => boolean) {
    this.#session = session;
    this.#hosts = hosts;
  }

  /** How many messages wait for an actor and how many may, as far as is known. */
  roomFor(actor: ActorId): { readonly waiting: number; readonly capacity: number } | undefined {
    const receiver = this.#receivers.get(nameOfActor(actor));
    if (receiver === undefined) return undefined;
    this.#countNearBound(receiver);
    return { waiting: receiver.waiting, capacity };
  }

  /** A message was committed for an actor. */
  wrote(actor: ActorId): void {
    const receiver = this.#receivers.get(nameOfActor(actor));
    if (receiver === undefined) return this.#count(this.#meet(actor, 1));
    receiver.waiting++;
    receiver.since++;
    this.#countNearBound(receiver);
  }

  /** Looks for some that others wrote to, and whether some that are known have been taken care of. */
  async heartbeat(): Promise<void> {
    const { connection } = this.#session;
    const prefix = indexPrefix(unassigned);
    const rows = await connection.list({ prefix, after: this.#lookedAt, limit: entriesAtHeartbeat });
    this.#lookedAt = rows.length < entriesAtHeartbeat ? prefix : rows[rows.length - 1].key;
    const met: UnhostedReceiver[] = [];
    for (const { key } of rows) {
      const { protocol, key: actorKey } = indexed(key);
      const actor = { protocol, key: actorKey };
      if (!this.#hosts(protocol) && !this.#receivers.has(nameOfActor(actor))) met.push(this.#meet(actor, 0));
    }
    await Promise.all(met.map(async (receiver) => {
      const found = await this.#countOne(receiver.actor, listMax);
      receiver.waiting += found; // what was written meanwhile may be counted twice
    }));
    const some = [...this.#receivers].slice(0, receiversAtHeartbeat);
    await Promise.all(some.map(async ([name, receiver]) => {
      const [first] = await connection.list({ prefix: mailPrefix(receiver.actor), limit: 1 });
      if (!this.#receivers.delete(name) || first === undefined) return;
      this.#receivers.set(name, receiver); // behind those that are looked at next
    }));
  }

  /** By protocol: how many actors are known for which messages wait, and how many messages. */
  stats(): Readonly<Record<string, UnhostedStats>> {
    const stats: Record<string, { actors: number; waiting: number }> = {};
    for (const { actor: { protocol }, waiting } of this.#receivers.values()) {
      const sum = stats[protocol] ??= { actors: 0, waiting: 0 };
      sum.actors++;
      sum.waiting += waiting;
    }
    return stats;
  }

  #meet({ protocol, key }: ActorId, waiting: number): UnhostedReceiver {
    const actor = { protocol, key };
    const receiver: UnhostedReceiver = { actor, waiting, since: 0, countedMs: -Infinity };
    this.#receivers.set(nameOfActor(actor), receiver);
    if (this.#receivers.size > receiversMax) {
      const [oldest] = this.#receivers.keys();
      this.#receivers.delete(oldest);
    }
    return receiver;
  }

  #countNearBound(receiver: UnhostedReceiver): void {
    if (receiver.waiting < (receiver.countedMs === -Infinity ? listMax : capacity - margin)) return;
    const agoMs = this.#session.clock.monotonicMs() - receiver.countedMs;
    if (agoMs >= countAgainMs) this.#count(receiver);
  }

  /** Counts it when those that are counted before it are done. */
  #count(receiver: UnhostedReceiver): void {
    receiver.countedMs = this.#session.clock.monotonicMs();
    this.#toCount.add(receiver);
    this.#counting.wake().catch(() => {}); // it is counted when it is met again
  }

  async #countAll(): Promise<void> {
    for (const receiver of this.#toCount) {
      this.#toCount.delete(receiver);
      receiver.since = 0;
      receiver.waiting = await this.#countOne(receiver.actor, capacity) + receiver.since;
    }
  }

  /** How many wait for an actor, and so many at the most. */
  async #countOne(actor: ActorId, most: number): Promise<number> {
    const prefix = mailPrefix(actor);
    let count = 0;
    let after: string | undefined;
    while (count < most) {
      const rows = await this.#session.connection.list({ prefix, after, limit: listMax });
      count += rows.length;
      if (rows.length < listMax) break;
      after = rows[rows.length - 1].key;
    }
    return count;
  }
}
