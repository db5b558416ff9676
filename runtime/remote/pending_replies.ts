import { BoundedSet } from "../base/bounded_set.ts";
import type { Clock } from "../base/clock.ts";
import { LimitExceededError, type PosthornError } from "../base/errors.ts";
import { errorOfFailure } from "../ports/dead_letters.ts";
import type { SentRequest } from "../durable/delivery/reply_rows.ts";
import type { ActorId } from "../language/address.ts";
import type { ToldFailure } from "../messages/told_failure.ts";
import { shortRandomName } from "../messages/random_name.ts";
import type { Random } from "../base/random.ts";
import type { ReceivedMessage } from "./received_message.ts";

/** What came as the reply to a message. */
export type Outcome = { readonly reply: unknown } | { readonly failure: ToldFailure };

/** A request to another service whose reply is kept in memory. */
export interface PendingRequest {
  /** The key under which its reply is kept. */
  readonly replyKey: string;
  readonly to: ActorId;
  readonly sent: SentRequest;
  /** Whether the other service was told to take it back. */
  told: boolean;
}

/** Waits in this process for what another service replies. */
export interface Waiter {
  /** Whether it waits no longer. */
  readonly over: boolean;
  /** Whether it waits for several replies. */
  readonly many?: boolean;
  /** The request that it waits for, if that can be taken back. */
  request?: PendingRequest | undefined;
  /**
   * Gives it a reply, which nobody has checked. `sender` is who sent it, as on the wire; `read` reads the message that it
   * came with.
   */
  reply(payload: unknown, sender: string, read?: () => ReceivedMessage): void;
  /** Tells it that there will be no reply. */
  fail(error: PosthornError, sender: string, read?: () => ReceivedMessage): void;
  /** Tells it how many respondents a service asked; absent unless it counts them. */
  asked?(count: number, sender: string): void;
}

/** From so many entries on, those that are over are removed whenever their number has doubled. */
const sweepFrom = 64;
/** How many may wait: a service that never replies must not fill the memory. */
const waitersMax = 100_000;
/** How often those that are over are looked for while there is no room, in milliseconds. */
const fullSweepMs = 1_000;
/** How many ids of replies to one survey are known. */
const knownMax = 10_000;

/** The asks and surveys of this process that wait for replies of other services. They are lost with it. */
export class PendingReplies {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #waiters = new Map<string, Waiter>();
  /** The ids of the replies that came to those that wait for several: a relay may send one twice. */
  readonly #known = new Map<string, BoundedSet>();
  #sweepAt = sweepFrom;
  #sweptMs = -Infinity;

  constructor(clock: Clock, random: Random) {
    this.#clock = clock;
    this.#random = random;
  }

  /** How many wait. Some of them may be over. */
  get size(): number {
    return this.#waiters.size;
  }

  /**
   * Lets one wait. Returns the name that its reply must carry. Throws a `LimitExceededError` (`too-many-replies`) if as many
   * wait as may.
   */
  wait(waiter: Waiter): string {
    if (this.#waiters.size >= this.#sweepAt) this.#sweep();
    if (this.#waiters.size >= waitersMax) {
      const why = `${this.#waiters.size} of ${waitersMax} replies of other services are waited for`;
      throw new LimitExceededError("too-many-replies", `Cannot wait for a reply: ${why}`);
    }
    const name = shortRandomName(this.#random, this.#clock.now());
    this.#waiters.set(name, waiter);
    return name;
  }

  /** What is waited for under a name can be taken back. */
  sent(name: string, request: PendingRequest): void {
    const waiter = this.#waiters.get(name);
    if (waiter !== undefined) waiter.request = request;
  }

  /** The request whose reply is kept under that key, if its reply is waited for. */
  requestOf(replyKey: string): PendingRequest | undefined {
    return this.#waiters.values().find(({ request }) => request?.replyKey === replyKey)?.request;
  }

  /** Nobody waits under that name any more. */
  forget(name: string): void {
    this.#waiters.delete(name);
    this.#known.delete(name);
  }

  /** Tells whoever waits under that name that there will be no reply. */
  fail(name: string, error: PosthornError): void {
    const waiter = this.#waiters.get(name);
    this.forget(name);
    if (waiter?.over === false) waiter.fail(error, "");
  }

  /**
   * Gives an outcome to whoever waits for it, and each one once: `id` is that of its message, if it has one, `sender` who
   * sent it, as on the wire, and `read` reads the message. Returns whether anybody waited.
   */
  settle(
    name: string,
    outcome: Outcome,
    id?: string,
    sender = "",
    read?: () => ReceivedMessage,
  ): boolean {
    const waiter = this.#waiters.get(name);
    if (waiter === undefined || waiter.over) {
      this.forget(name);
      return false;
    }
    if (waiter.many !== true) this.forget(name);
    else if (id !== undefined && !this.#isFirst(name, id)) return true;
    if ("reply" in outcome) waiter.reply(outcome.reply, sender, read);
    else waiter.fail(errorOfFailure(outcome.failure), sender, read);
    return true;
  }

  /** Tells whoever waits for the replies of respondents how many a service asked. */
  tellAsked(name: string, count: number, id: string | undefined, sender = ""): void {
    const waiter = this.#waiters.get(name);
    if (waiter?.asked === undefined || waiter.over) return;
    if (id === undefined || this.#isFirst(name, id)) waiter.asked(count, sender);
  }

  /** Whether a reply with that id comes for the first time to one that waits for several. */
  #isFirst(name: string, id: string): boolean {
    const known = this.#known.get(name) ?? new BoundedSet(knownMax);
    if (known.has(id)) return false;
    known.add(id);
    this.#known.set(name, known);
    return true;
  }

  #sweep(): void {
    const nowMs = this.#clock.monotonicMs();
    if (this.#waiters.size >= waitersMax && nowMs < this.#sweptMs + fullSweepMs) return;
    this.#sweptMs = nowMs;
    for (const [name, waiter] of this.#waiters) if (waiter.over) this.forget(name);
    this.#sweepAt = Math.min(Math.max(this.#waiters.size * 2, sweepFrom), waitersMax);
  }
}
