import { LimitError } from "./errors.ts";
import { ExpiryList, type ExpiryServices } from "./expiry_list.ts";
import type { Population } from "./host.ts";
import { Recent } from "./recent.ts";
import { roughBytes } from "./rough_bytes.ts";
import { type Held, Shares } from "./shares.ts";

/**
 * A collected reply is kept a little longer, where there is room: the answer that carried it may have been lost on its
 * way.
 */
const collectedKeepMs = 60_000;

/** What one caller has of the replies that are kept. */
interface Caller {
  /** How many that were not collected yet. */
  waiting: number;
  bytes: number;
}

/** A reply of a caller. */
interface CallersReply {
  readonly name: string;
  readonly caller: Caller;
  waits: boolean;
  bytes: number;
  held: Held | undefined;
}

/** The bounds of the replies that are kept in memory. */
export interface ReplyLimits {
  readonly replies: number;
  readonly replyBytes: number;
  readonly ids: number;
}

/**
 * What a system without a store knows of the replies that it keeps, by their keys. They are bounded together, and callers
 * share the bound: none may have more that wait to be collected than are left free, so one alone has half, two have a
 * third each, and there is always room for another. What the program submits for itself has no share to keep to.
 */
export class KeptReplies {
  /** How many there are and may be; those that were collected go first. */
  readonly population: Population;
  /** Those that have expired lately: to tell them from those that never were. */
  readonly expired: Recent;
  readonly #collected = new Set<string>();
  readonly #bytesMax: number;
  readonly #callers = new Map<string, Caller>();
  readonly #replies = new Map<string, CallersReply>();
  readonly #weights: Shares<string>;
  readonly #letGo: (key: string) => void;
  /** Those that go when their time is over, and those that go a little after they were collected. */
  readonly #kept: ExpiryList;
  readonly #leaving: ExpiryList;

  /** Each is kept for `keepMs`. `letGo` ends the reply whose time is over, or that gives way when together they are too large. */
  constructor(
    { replies, replyBytes, ids }: ReplyLimits,
    keepMs: number,
    services: ExpiryServices,
    letGo: (key: string) => void,
  ) {
    this.#kept = new ExpiryList(keepMs, services, letGo);
    this.#leaving = new ExpiryList(collectedKeepMs, services, letGo);
    this.expired = new Recent(ids);
    this.#bytesMax = replyBytes;
    this.#weights = new Shares(replyBytes);
    this.#letGo = letGo;
    this.population = {
      capacity: replies,
      code: "too-many-replies",
      what: "replies",
      size: 0,
      expendable: this.#collected,
      onLetGo: (key) => this.ended(key, true),
    };
  }

  /** Throws a `LimitError` where a caller has as many, or as large, as it may. */
  requireRoom(name: string | undefined): void {
    const caller = name === undefined ? undefined : this.#callers.get(name);
    if (caller === undefined) return;
    const { capacity, size } = this.population;
    const free = capacity - (size - this.#collected.size);
    if (caller.waiting >= free) {
      const why =
        `${caller.waiting} of ${capacity} wait for it to be collected, and ${free} are left for all`;
      throw new LimitError("too-many-replies", `Cannot keep one more reply for its caller: ${why}`);
    }
    const freeBytes = this.#bytesMax - this.#weights.size;
    if (caller.bytes < freeBytes) return;
    const why =
      `its replies hold ${caller.bytes} of ${this.#bytesMax} bytes, and ${freeBytes} are left for all`;
    throw new LimitError("too-many-replies", `Cannot keep one more reply for its caller: ${why}`);
  }

  /** Its time begins. */
  keep(key: string): void {
    this.#kept.add(key);
  }

  /** One is waited for; of a caller, where that is named. */
  opened(key: string, name: string | undefined): void {
    if (name === undefined) return;
    let caller = this.#callers.get(name);
    if (caller === undefined) this.#callers.set(name, caller = { waiting: 0, bytes: 0 });
    caller.waiting++;
    this.#replies.set(key, { name, caller, waits: true, bytes: 0, held: undefined });
  }

  /** It has come. What a caller's takes is looked at, for what strangers ask for may be of any size. */
  settled(key: string, outcome: unknown): void {
    const reply = this.#replies.get(key);
    if (reply === undefined) return;
    reply.held?.release(); // what failed may be sent again, and succeed
    reply.caller.bytes -= reply.bytes;
    reply.bytes = roughBytes(outcome, this.#bytesMax + 1);
    reply.caller.bytes += reply.bytes;
    reply.held = this.#weights.add([reply.name], key, reply.bytes, (gone) => this.#letGo(gone));
  }

  /** It was collected: it may go first when there is no room, and soon does in any case. */
  collected(key: string): void {
    if (this.#collected.has(key)) return;
    this.#collected.add(key);
    this.#waitsNoMore(this.#replies.get(key));
    if (this.#kept.leftMs(key) <= collectedKeepMs) return;
    this.#kept.delete(key);
    this.#leaving.add(key);
  }

  /** It is kept no longer. */
  ended(key: string, expired: boolean): void {
    this.#collected.delete(key);
    this.#kept.delete(key);
    this.#leaving.delete(key);
    if (expired) this.expired.add(key);
    const reply = this.#replies.get(key);
    if (reply === undefined) return;
    this.#replies.delete(key);
    this.#waitsNoMore(reply);
    reply.held?.release();
    const { name, caller } = reply;
    caller.bytes -= reply.bytes;
    if (caller.waiting === 0 && caller.bytes === 0) this.#callers.delete(name);
  }

  #waitsNoMore(reply: CallersReply | undefined): void {
    if (reply?.waits !== true) return;
    reply.waits = false;
    reply.caller.waiting--;
  }
}
