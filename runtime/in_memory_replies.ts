import type { ActorId } from "./language/address.ts";
import { errorOfReason } from "./ports/dead_letters.ts";
import type { ReplyTarget, Route } from "./messages/envelope.ts";
import { LimitExceededError, type PosthornError, TerminalError } from "./base/errors.ts";
import { Expiring, ExpiryList, type ExpiryServices } from "./scheduling/expiry_list.ts";
import type { Failure } from "./language/failure.ts";
import { Reply } from "./messages/builtin_protocols.ts";
import { BoundedSet } from "./base/bounded_set.ts";
import { expiredReply, pendingReply, replyNameOf, waitersMax } from "./messages/reply_name.ts";
import { roughBytes } from "./base/rough_bytes.ts";
import type { ProtocolStats } from "./ports/stats.ts";
import { type Held, Shares } from "./base/shares.ts";

/**
 * A collected reply is kept a little longer, where there is room: the answer that carried it may have been lost on its
 * way.
 */
const collectedKeepMs = 60_000;

/** What one caller has of the replies that are kept. */
interface Caller {
  readonly name: string;
  /** How many that were not collected yet. */
  waiting: number;
  bytes: number;
}

type Outcome = { readonly reply: unknown } | { readonly failure: Failure };

/** The reply of one submit: whether it has come, and who waits for it. */
export class KeptReply extends Expiring {
  readonly key: string;
  /** Whose it is, where that is named. */
  readonly caller: Caller | undefined;
  outcome: Outcome | undefined = undefined;
  collected = false;
  bytes = 0;
  held: Held | undefined = undefined;
  private waiting: ReplyTarget[] | undefined = undefined;

  constructor(key: string, caller: Caller | undefined) {
    super();
    this.key = key;
    this.caller = caller;
  }

  /** Lets one more wait until it comes. Throws a `ReplyPendingError` where as many do as may. */
  wait(replyTarget: ReplyTarget): void {
    const waiting = this.waiting?.filter((other) => !other.over) ?? [];
    if (waiting.length >= waitersMax) throw pendingReply(replyNameOf(this.key), waiting.length);
    this.waiting = [...waiting, replyTarget];
  }

  /** Nobody waits any longer. Returns those who did. */
  takeWaiting(): readonly ReplyTarget[] {
    const waiting = this.waiting?.filter((replyTarget) => !replyTarget.over) ?? [];
    this.waiting = undefined;
    return waiting;
  }
}

/** The bounds of the replies that are kept in memory. */
export interface ReplyLimits {
  readonly replies: number;
  readonly replyBytes: number;
  readonly ids: number;
}

/**
 * The replies that a system without a store keeps, by their keys. They are bounded together, and callers share the bound:
 * none may have more that wait to be collected than are left free, so one alone has half, two have a third each, and there
 * is always room for another. What the program submits for itself has no share to keep to.
 */
export class InMemoryReplies {
  /** Those that have expired lately: to tell them from those that never were. */
  readonly expired: BoundedSet;
  readonly #capacity: number;
  readonly #bytesMax: number;
  readonly #replies = new Map<string, KeptReply>();
  /** Those that go when there is no room, in the order in which they were collected. */
  readonly #collected = new Set<KeptReply>();
  readonly #callers = new Map<string, Caller>();
  readonly #weights: Shares<KeptReply>;
  /** Those that go when their time is over, and those that go a little after they were collected. */
  readonly #kept: ExpiryList<KeptReply>;
  readonly #leaving: ExpiryList<KeptReply>;

  /** Each is kept for `keepMs`. */
  constructor({ replies, replyBytes, ids }: ReplyLimits, keepMs: number, services: ExpiryServices) {
    const expire = (reply: KeptReply) => this.#expire(reply);
    this.#kept = new ExpiryList(keepMs, services, expire);
    this.#leaving = new ExpiryList(collectedKeepMs, services, expire);
    this.expired = new BoundedSet(ids);
    this.#capacity = replies;
    this.#bytesMax = replyBytes;
    this.#weights = new Shares(replyBytes);
  }

  /** How many are kept. */
  get size(): number {
    return this.#replies.size;
  }

  /** What a protocol counts: a reply has no mailbox and no turn. */
  get counts(): ProtocolStats {
    return { actors: this.size, waiting: 0, done: 0 };
  }

  find(key: string): KeptReply | undefined {
    return this.#replies.get(key);
  }

  /**
   * Keeps one more; of a caller, where that is named. Throws a `LimitExceededError` where there are as many, or as
   * large ones, as there may be. Collected ones go for it as soon as it is `accepted`.
   */
  open(key: string, name?: string): KeptReply {
    let caller: Caller | undefined;
    if (name !== undefined) caller = this.#callers.get(name) ?? { name, waiting: 0, bytes: 0 };
    this.#requireRoom(caller);
    const reply = new KeptReply(key, caller);
    this.#replies.set(key, reply);
    this.#kept.add(reply);
    if (caller !== undefined && caller.waiting++ === 0) this.#callers.set(caller.name, caller);
    return reply;
  }

  /** The request of the latest was accepted: what was collected makes room for it. */
  accepted(): void {
    if (this.size <= this.#capacity) return;
    const [oldest] = this.#collected;
    this.#expire(oldest);
  }

  /** Its request was refused. */
  cancel(reply: KeptReply): void {
    this.#remove(reply);
  }

  /** Whether that is the address of a reply. */
  takes({ protocol }: ActorId): boolean {
    return protocol === Reply.open.protocol;
  }

  /** A message of a turn to a reply. Throws where it cannot be taken. */
  send({ key }: ActorId, { operation }: Route, payload: unknown): undefined {
    if (operation.name === Reply.arrive.name) return this.#settle(key, { reply: payload });
    if (operation.name === Reply.refuse.name) return this.#settle(key, { failure: payload as Failure });
    if (this.#replies.has(key)) return; // a turn may submit again under the same id
    this.open(key);
    this.accepted();
  }

  /** It was collected: if it is still kept, it may go first when there is no room, and soon does in any case. */
  collect(reply: KeptReply): void {
    if (reply.collected || this.#replies.get(reply.key) !== reply) return;
    reply.collected = true;
    this.#collected.add(reply);
    if (reply.caller !== undefined) reply.caller.waiting--;
    if (this.#kept.leftMs(reply) <= collectedKeepMs) return;
    this.#kept.delete(reply);
    this.#leaving.add(reply);
  }

  #requireRoom(caller: Caller | undefined): void {
    const capacity = this.#capacity;
    const waiting = this.size - this.#collected.size;
    if (waiting >= capacity) {
      const why = `the system holds ${waiting} of ${capacity} replies`;
      throw new LimitExceededError("too-many-replies", `Cannot keep one more reply: ${why}`);
    }
    if (caller === undefined) return;
    const free = capacity - waiting;
    if (caller.waiting >= free) {
      const why =
        `${caller.waiting} of ${capacity} wait for it to be collected, and ${free} are left for all`;
      throw new LimitExceededError("too-many-replies", `Cannot keep one more reply for its caller: ${why}`);
    }
    const freeBytes = this.#bytesMax - this.#weights.size;
    if (caller.bytes < freeBytes) return;
    const why =
      `its replies hold ${caller.bytes} of ${this.#bytesMax} bytes, and ${freeBytes} are left for all`;
    throw new LimitExceededError("too-many-replies", `Cannot keep one more reply for its caller: ${why}`);
  }

  /** It has come, or will not. Throws a `TerminalError` where nobody waits for it any more. */
  #settle(key: string, outcome: Outcome): undefined {
    const reply = this.#replies.get(key);
    const before = reply?.outcome;
    // What failed may be sent again, and succeed.
    if (reply === undefined || (before !== undefined && ("reply" in before || "failure" in outcome))) {
      const why = `The reply to ${replyNameOf(key)} came when nobody waited for it`;
      throw new TerminalError(why, { code: "late-reply" });
    }
    reply.outcome = outcome;
    const waiting = reply.takeWaiting();
    for (const replyTarget of waiting) {
      if ("reply" in outcome) replyTarget.reply(outcome.reply, outcome.reply);
      else replyTarget.fail(errorOfFailure(outcome.failure));
    }
    if (waiting.length > 0) this.collect(reply);
    this.#measure(reply);
  }

  /** What a caller's takes is looked at, for what strangers ask for may be of any size. */
  #measure(reply: KeptReply): void {
    const { caller } = reply;
    if (caller === undefined) return;
    const bytes = roughBytes(reply.outcome, this.#bytesMax + 1);
    if (this.#replies.get(reply.key) !== reply) return; // a getter that was looked at has submitted, and it gave way
    reply.held?.release();
    caller.bytes += bytes - reply.bytes;
    reply.bytes = bytes;
    reply.held = this.#weights.add([caller.name], reply, reply.bytes, (gone) => this.#expire(gone));
  }

  /** Its time is over, or there is no room for it. */
  #expire(reply: KeptReply): void {
    this.#remove(reply);
    this.expired.add(reply.key);
    for (const replyTarget of reply.takeWaiting()) replyTarget.fail(expiredReply(replyNameOf(reply.key)));
  }

  #remove(reply: KeptReply): void {
    const { caller } = reply;
    if (!this.#replies.delete(reply.key)) return; // it was refused, and had given way as too large before
    this.#collected.delete(reply);
    this.#kept.delete(reply);
    this.#leaving.delete(reply);
    reply.held?.release();
    if (caller === undefined) return;
    if (!reply.collected) caller.waiting--;
    caller.bytes -= reply.bytes;
    if (caller.waiting === 0 && caller.bytes === 0) this.#callers.delete(caller.name);
  }
}

/** What whoever collects a reply is told that will not come: with the id of the request. */
export function errorOfFailure({ id, code, message }: Failure): PosthornError {
  return Object.assign(errorOfReason(code, message), { id });
}
