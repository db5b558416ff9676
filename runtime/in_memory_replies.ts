import type { ActorId } from "./language/address.ts";
import { errorOfFailure } from "./ports/dead_letters.ts";
import type { ReplyTarget, Route } from "./messages/envelope.ts";
import { LimitExceededError, type PosthornError, TerminalError } from "./base/errors.ts";
import { Expiring, ExpiryList } from "./scheduling/expiry_list.ts";
import type { Timer, Timers } from "./scheduling/timers.ts";
import type { ResolvedOptions } from "./ports/options.ts";
import type { Failure } from "./language/failure.ts";
import type { ToldFailure } from "./messages/told_failure.ts";
import { takenBack } from "./messages/told_failure.ts";
import type { Cancellation } from "./language/ticket.ts";
import { type OpenedReply, Reply } from "./messages/builtin_protocols.ts";
import { BoundedSet } from "./base/bounded_set.ts";
import { FifoSet } from "./base/fifo_set.ts";
import { expiredReply, pendingReply, replyNameOf, waitersMax } from "./messages/reply_name.ts";
import { roughBytes } from "./base/rough_bytes.ts";
import { type Held, Shares } from "./base/shares.ts";

/**
 * How long a collected reply is kept if there is room, in milliseconds: the response that carried it may have been
 * lost.
 */
const collectedKeepMs = 60_000;

/** The share of one caller in the replies that are kept. */
interface Caller {
  readonly name: string;
  /** How many of its replies have not been collected yet. */
  waiting: number;
  bytes: number;
}

interface FailedOutcome {
  readonly failure: Failure;
  /** How it ended, if it was taken back. */
  readonly cancellation?: Cancellation | undefined;
}

type Outcome = { readonly reply: unknown } | FailedOutcome;

/** The reply to one submit: its outcome once it has come, and until then those who wait for it. */
export class KeptReply extends Expiring {
  readonly key: string;
  /** The caller, if the submit named one. */
  readonly caller: Caller | undefined;
  /** The receiver of the request, if it is known. */
  to: ActorId | undefined = undefined;
  outcome: Outcome | undefined = undefined;
  collected = false;
  bytes = 0;
  /** The key of the actor that will answer it, if its turn answered "later". */
  later: string | undefined = undefined;
  held: Held | undefined = undefined;
  /** Begins its retention when its request is due, if that is later. */
  begins: Timer | undefined = undefined;
  private waiting: ReplyTarget[] | undefined = undefined;
  private ended: PromiseWithResolvers<void> | undefined = undefined;

  constructor(key: string, caller: Caller | undefined) {
    super();
    this.key = key;
    this.caller = caller;
  }

  /** How its request ended, as a call that takes it back is told; `undefined` if it has not ended. */
  get cancellation(): Cancellation | undefined {
    const { outcome } = this;
    if (outcome === undefined) return undefined;
    if ("reply" in outcome) return "done";
    return outcome.cancellation ?? "failed";
  }

  /** Lets one more wait for the reply. Throws a `ReplyPendingError` if as many wait as may. */
  wait(replyTarget: ReplyTarget): void {
    const waiting = this.waiting?.filter((other) => !other.over) ?? [];
    if (waiting.length >= waitersMax) throw pendingReply(replyNameOf(this.key), waiting.length);
    this.waiting = [...waiting, replyTarget];
  }

  /** Resolves when its request has ended, or when it is kept no longer. It collects nothing. */
  get end(): Promise<void> {
    return (this.ended ??= Promise.withResolvers()).promise;
  }

  /** Its request has ended, or it is kept no longer. */
  over(): void {
    this.ended?.resolve();
  }

  /** Removes and returns all who wait. */
  takeWaiting(): readonly ReplyTarget[] {
    const waiting = this.waiting?.filter((replyTarget) => !replyTarget.over) ?? [];
    this.waiting = undefined;
    return waiting;
  }
}

/**
 * The replies that a system without a store keeps, by their keys. One bound holds for all of them, and callers share
 * it: no caller may have more uncollected replies than are left free. So one caller alone has half, two have a third
 * each, and there is always room for another caller. The program's own submits count only against the bound.
 */
export class InMemoryReplies {
  /** The keys of replies that expired lately, so that they can be told from keys that were never used. */
  readonly expired: BoundedSet;
  readonly #timers: Timers;
  readonly #capacity: number;
  readonly #bytesMax: number;
  readonly #replies = new Map<string, KeptReply>();
  /** The collected ones, in the order in which they were collected: they are removed first if there is no room. */
  readonly #collected = new FifoSet<KeptReply>();
  readonly #callers = new Map<string, Caller>();
  readonly #weights: Shares<KeptReply>;
  /** The pending ones, the uncollected ones, and the collected ones, each by the end of its own time. */
  readonly #pending: ExpiryList<KeptReply>;
  readonly #kept: ExpiryList<KeptReply>;
  readonly #leaving: ExpiryList<KeptReply>;

  constructor({ limits, replyRetentionMs, laterMs }: ResolvedOptions, timers: Timers) {
    const { replies, replyBytes, ids } = limits;
    const expire = (reply: KeptReply) => this.#expire(reply);
    this.#pending = new ExpiryList(Math.max(replyRetentionMs, laterMs), timers, expire);
    this.#kept = new ExpiryList(replyRetentionMs, timers, expire);
    this.#leaving = new ExpiryList(collectedKeepMs, timers, expire);
    this.#timers = timers;
    this.expired = new BoundedSet(ids);
    this.#capacity = replies;
    this.#bytesMax = replyBytes;
    this.#weights = new Shares(replyBytes);
  }

  /** How many replies are kept. */
  get size(): number {
    return this.#replies.size;
  }

  /** All that are kept. */
  all(): Iterable<KeptReply> {
    return this.#replies.values();
  }

  find(key: string): KeptReply | undefined {
    return this.#replies.get(key);
  }

  /**
   * Keeps one more reply, of a caller if `name` is given. Throws a `LimitExceededError` if there are as many, or as
   * large ones, as there may be. A collected one makes room for it as soon as its request is `accepted`. Its retention
   * begins when the request is sent: `delayMs` from now.
   */
  open(key: string, name?: string, delayMs = 0): KeptReply {
    let caller: Caller | undefined;
    if (name !== undefined) caller = this.#callers.get(name) ?? { name, waiting: 0, bytes: 0 };
    this.#requireRoom(caller);
    const reply = new KeptReply(key, caller);
    this.#replies.set(key, reply);
    if (delayMs > 0) reply.begins = this.#timers.set(delayMs, () => this.#pending.add(reply));
    else this.#pending.add(reply);
    if (caller !== undefined && caller.waiting++ === 0) this.#callers.set(caller.name, caller);
    return reply;
  }

  /** The request of the newest reply was accepted: the reply that was collected first makes room for it. */
  accepted(): void {
    if (this.size > this.#capacity) this.#expire(this.#collected.takeOldest()!);
  }

  /** Whether an address is that of a reply. */
  takes({ protocol }: ActorId): boolean {
    return protocol === Reply.open.protocol;
  }

  /** Takes a message of a turn to a reply, or throws why it cannot. */
  send({ key }: ActorId, { operation }: Route, payload: unknown): undefined {
    if (operation.name === Reply.arrive.name) return this.#settle(key, { reply: payload });
    if (operation.name === Reply.refuse.name) {
      const { outcome: cancellation, ...failure } = payload as ToldFailure;
      return this.#settle(key, { failure, cancellation });
    }
    if (this.#replies.has(key)) return; // a turn may repeat a submit under the same id
    const { protocol, key: receiver, delayMs } = payload as OpenedReply;
    this.open(key, undefined, delayMs).to = { protocol, key: receiver };
    this.accepted();
  }

  /** Settles a reply that has not come: its request was taken back, or is given up. */
  cancel(reply: KeptReply, failure: Failure, cancellation: Cancellation): void {
    this.#end(reply, { failure, cancellation });
  }

  /** The reply comes through a later, which ends in bounded time. */
  hold(key: string, later: string): void {
    const reply = this.#replies.get(key);
    if (reply === undefined) return;
    this.#reopen(reply);
    this.#pending.delete(reply);
    reply.begins?.cancel();
    reply.later = later;
  }

  /** Its request had failed, and was sent again from the dead letters: its reply is still to come. */
  #reopen(reply: KeptReply): void {
    const { caller, collected, cancellation } = reply;
    if (cancellation !== "failed") return;
    reply.outcome = undefined;
    this.#kept.delete(reply);
    this.#leaving.delete(reply);
    this.#collected.delete(reply);
    reply.collected = false;
    if (caller === undefined) return;
    reply.held?.release();
    if (collected) caller.waiting++;
    caller.bytes -= reply.bytes;
    reply.bytes = 0;
    this.#callers.set(caller.name, caller);
  }

  /** Marks a reply that is kept as collected: it is removed first if there is no room, and soon in any case. */
  collect(reply: KeptReply): void {
    if (reply.collected || this.#replies.get(reply.key) !== reply) return;
    reply.collected = true;
    this.#collected.add(reply);
    if (reply.caller !== undefined) reply.caller.waiting--;
    reply.begins?.cancel();
    if (this.#kept.leftMs(reply) <= collectedKeepMs) return;
    this.#kept.delete(reply);
    this.#leaving.add(reply);
  }

  #requireRoom(caller: Caller | undefined): void {
    const capacity = this.#capacity;
    const waiting = this.size - this.#collected.size;
    const free = capacity - waiting;
    if (free <= 0) throw tooMany("", `the system holds ${waiting} of ${capacity} replies`);
    if (caller === undefined) return;
    if (caller.waiting >= free) {
      const why =
        `${caller.waiting} of ${capacity} wait for it to be collected, and ${free} are left for all`;
      throw tooMany(" for its caller", why);
    }
    const freeBytes = this.#bytesMax - this.#weights.size;
    if (caller.bytes < freeBytes) return;
    const why =
      `its replies hold ${caller.bytes} of ${this.#bytesMax} bytes, and ${freeBytes} are left for all`;
    throw tooMany(" for its caller", why);
  }

  /** Settles a reply. Throws a `TerminalError` if it is settled already or kept no longer. */
  #settle(key: string, outcome: Outcome): undefined {
    const reply = this.#replies.get(key);
    const before = reply?.outcome;
    // A failed request may be sent again from the dead letters, and succeed.
    const late = before !== undefined && (reply?.cancellation !== "failed" || "failure" in outcome);
    if (reply === undefined || late) {
      const why = `The reply to ${replyNameOf(key)} came when nobody waited for it`;
      throw new TerminalError(why, { code: "late-reply" });
    }
    this.#end(reply, outcome);
  }

  #end(reply: KeptReply, outcome: Outcome): void {
    reply.outcome = outcome;
    reply.over();
    reply.begins?.cancel();
    this.#pending.delete(reply);
    if (this.#leaving.leftMs(reply) === Infinity) {
      this.#kept.delete(reply);
      this.#kept.add(reply);
    }
    const waiting = reply.takeWaiting();
    for (const replyTarget of waiting) {
      if ("reply" in outcome) replyTarget.reply(outcome.reply, outcome.reply);
      else replyTarget.fail(errorOf(outcome));
    }
    if (waiting.length > 0) this.collect(reply);
    this.#measure(reply);
  }

  /** Measures the reply of a named caller: what strangers ask for may be of any size. */
  #measure(reply: KeptReply): void {
    const { caller } = reply;
    if (caller === undefined) return;
    const bytes = roughBytes(reply.outcome, this.#bytesMax + 1);
    if (this.#replies.get(reply.key) !== reply) return; // a getter that was measured has submitted, and it was removed
    reply.held?.release();
    caller.bytes += bytes - reply.bytes;
    reply.bytes = bytes;
    reply.held = this.#weights.add([caller.name], reply, reply.bytes, (gone) => this.#expire(gone));
  }

  /** Removes a reply whose time is over, or for which there is no room. */
  #expire(reply: KeptReply): void {
    this.remove(reply);
    this.expired.add(reply.key);
    for (const replyTarget of reply.takeWaiting()) replyTarget.fail(expiredReply(replyNameOf(reply.key)));
  }

  remove(reply: KeptReply): void {
    const { caller } = reply;
    if (!this.#replies.delete(reply.key)) return; // it was removed before, to make room
    this.#collected.delete(reply);
    this.#pending.delete(reply);
    this.#kept.delete(reply);
    this.#leaving.delete(reply);
    reply.held?.release();
    reply.over();
    reply.begins?.cancel();
    if (caller === undefined) return;
    if (!reply.collected) caller.waiting--;
    caller.bytes -= reply.bytes;
    if (caller.waiting === 0 && caller.bytes === 0) this.#callers.delete(caller.name);
  }
}

/** The error with which the ticket of a request rejects. */
export function errorOf({ failure, cancellation }: FailedOutcome): PosthornError {
  return errorOfFailure({ ...failure, outcome: takenBack(cancellation) });
}

function tooMany(whose: string, why: string): LimitExceededError {
  return new LimitExceededError("too-many-replies", `Cannot keep one more reply${whose}: ${why}`);
}
