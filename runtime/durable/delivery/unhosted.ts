import type { ActorId } from "../../language/address.ts";
import { SingleFlight } from "../../base/single_flight.ts";
import type { UnhostedStats } from "../../ports/stats.ts";
import { countMail } from "../rows/count_mail.ts";
import { indexed, indexPrefix, mailPrefix, nameOfActor, unassigned } from "../rows/keys.ts";
import type { StoreSession } from "../commits/store_session.ts";

/**
 * How many messages may wait for one actor that this system does not host: as many as turns may send to one with the
 * default mailbox.
 */
const capacity = 10_000;
/**
 * So close to that bound the messages are counted again, because others may have taken some; and again after so long.
 */
const margin = 1_000;
const countAgainMs = 10_000;
/**
 * How many such actors this process knows; beyond that it drops the oldest, and counts it again when it sends to it
 * again.
 */
const receiversMax = 10_000;
/** The most rows of one list. */
const listMax = 1_000;
/** How many index entries, and how many known receivers, one heartbeat looks at. */
const entriesAtHeartbeat = 5;
const receiversAtHeartbeat = 5;

/** Who hosts the actors of a protocol. */
export interface ProtocolHosts {
  /** Whether this system does. */
  here(protocol: string): boolean;
  /** Whether another living instance does, as far as it is known. */
  elsewhere(protocol: string): boolean;
}

interface UnhostedReceiver {
  readonly actor: ActorId;
  /** About how many messages wait for it. */
  waiting: number;
  /** How many were written since its count began. */
  since: number;
  /** When it was counted last, by the monotonic clock; `-Infinity` if it has not been counted yet. */
  countedMs: number;
}

/**
 * Counts the messages that wait in the store for actors that this system does not host. Another system may host them,
 * or none ever will: a subscriber that the program no longer has. So they are bounded for each receiver. An exact count
 * would cost a read for each message, so it is approximate: it adds what this process writes, and finds out what others
 * took near the bound and at heartbeats.
 */
export class Unhosted {
  readonly #session: StoreSession;
  readonly #hosts: ProtocolHosts;
  /** By name, in the order in which they became known. */
  readonly #receivers = new Map<string, UnhostedReceiver>();
  readonly #toCount = new Set<UnhostedReceiver>();
  readonly #counting = new SingleFlight(() => this.#countAll());
  /** The index entry behind which the next heartbeat continues. */
  #lookedAt = indexPrefix(unassigned);

  constructor(session: StoreSession, hosts: ProtocolHosts) {
    this.#session = session;
    this.#hosts = hosts;
  }

  /** How many messages wait for an actor and how many may, as far as this process knows. */
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

  /** Finds some receivers that others wrote to, and drops some known ones whose messages have been taken. */
  async heartbeat(): Promise<void> {
    const { connection } = this.#session;
    const prefix = indexPrefix(unassigned);
    const rows = await connection.list({ prefix, after: this.#lookedAt, limit: entriesAtHeartbeat });
    this.#lookedAt = rows.length < entriesAtHeartbeat ? prefix : rows[rows.length - 1].key;
    const met: UnhostedReceiver[] = [];
    for (const { key } of rows) {
      const { protocol, key: actorKey } = indexed(key);
      const actor = { protocol, key: actorKey };
      if (!this.#hosts.here(protocol) && !this.#receivers.has(nameOfActor(actor))) {
        met.push(this.#meet(actor, 0));
      }
    }
    await Promise.all(met.map(async (receiver) => {
      const found = await this.#countOne(receiver.actor, listMax);
      receiver.waiting += found; // messages written meanwhile may be counted twice
    }));
    const some = [...this.#receivers].slice(0, receiversAtHeartbeat);
    await Promise.all(some.map(async ([name, receiver]) => {
      const [first] = await connection.list({ prefix: mailPrefix(receiver.actor), limit: 1 });
      if (!this.#receivers.delete(name) || first === undefined) return;
      this.#receivers.set(name, receiver); // behind those that the next heartbeat looks at
    }));
  }

  /** The messages for the actors of a protocol, or for one of them, were erased. */
  erased(of: { readonly protocol: string; readonly key?: string | undefined }): void {
    for (const [name, { actor: { protocol, key } }] of this.#receivers) {
      if (protocol === of.protocol && (of.key === undefined || of.key === key)) this.#receivers.delete(name);
    }
  }

  /** By protocol that nobody hosts: how many actors have waiting messages, and how many messages. */
  stats(): Readonly<Record<string, UnhostedStats>> {
    const stats = new Map<string, { actors: number; waiting: number }>(); // a protocol may be named `constructor`
    for (const { actor: { protocol }, waiting } of this.#receivers.values()) {
      const sum = stats.get(protocol) ?? { actors: 0, waiting: 0 };
      sum.actors++;
      sum.waiting += waiting;
      stats.set(protocol, sum);
    }
    return Object.fromEntries(stats.entries().filter(([protocol]) => !this.#hosts.elsewhere(protocol)));
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

  /** Counts the messages of a receiver, after those that are to be counted before it. */
  #count(receiver: UnhostedReceiver): void {
    receiver.countedMs = this.#session.clock.monotonicMs();
    this.#toCount.add(receiver);
    this.#counting.wake().catch(() => {}); // it is counted at the next message to it
  }

  async #countAll(): Promise<void> {
    for (const receiver of this.#toCount) {
      this.#toCount.delete(receiver);
      receiver.since = 0;
      receiver.waiting = await this.#countOne(receiver.actor, capacity) + receiver.since;
    }
  }

  /** How many messages wait for an actor, up to `most`. */
  async #countOne(actor: ActorId, most: number): Promise<number> {
    const { messages } = await countMail(this.#session.connection, actor, {
      messages: most,
      bytes: Infinity,
    });
    return messages;
  }
}
