import { errorOfFailure } from "../../ports/dead_letters.ts";
import { SingleFlight } from "../../base/single_flight.ts";
import { slicesOf } from "../../base/slices_of.ts";
import type { ActorId } from "../../language/address.ts";
import type { Failure } from "../../language/failure.ts";
import { takenBack, type ToldFailure } from "../../messages/told_failure.ts";
import type { Cancellation } from "../../language/ticket.ts";
import { type OpenedReply, Reply } from "../../messages/builtin_protocols.ts";
import type { Entry } from "../../ports/store.ts";
import type { ReturnChannel } from "../../ports/transport.ts";
import { StoreError } from "../../base/store_errors.ts";
import { endAt } from "../../base/times.ts";
import type { WriteSet } from "../commits/write_set.ts";
import { replyRowKey } from "../rows/keys.ts";
import {
  expiredReply,
  pendingReply,
  type ReplyAim,
  stoppedCollecting,
  timeOfReplyName,
  unknownReply,
  unreadableReply,
  waitersMax,
} from "../../messages/reply_name.ts";
import type { StoreSession } from "../commits/store_session.ts";
import { readableHead } from "../rows/readable_head.ts";
import { decodeValue, encodeValue, fromText, toText } from "../rows/value_codec.ts";

/** A request that was sent to another service, which decides whether it is taken back. */
export interface SentRequest {
  readonly id: string;
  readonly operation: string;
  /** The name of its sender on the wire. */
  readonly sender: string;
  /** Where its reply comes to, and the name that the reply carries. */
  readonly channel: ReturnChannel;
  readonly name: string;
  /** A hash of its body. */
  readonly print: string;
  /** When it is given up if it is to be taken back and nobody has decided; absent if it has no deadline. */
  readonly deadlineMs?: number | undefined;
  /** Whether the other service was told to take it back. */
  readonly told?: boolean | undefined;
}

/** Where the request of a pending reply is, so that it can be taken back. */
export interface RequestPlace extends ActorId {
  /** Its position in the mailbox of that actor; absent if the actor is in the memory of a process alone. */
  readonly place?: string | undefined;
  /** The keys of the rows of its schedule, if it is delayed and not due. */
  readonly delayed?: { readonly timer: string; readonly due: string } | undefined;
  /** Present if it was sent to another service. */
  readonly sent?: SentRequest | undefined;
}

/** What a row of a reply says besides the reply. */
export interface ReplyHead {
  readonly status: "pending" | "done" | "failed";
  /** Until when it is kept, in milliseconds since 1970; absent if for ever. */
  readonly untilMs?: number | undefined;
  readonly failure?: Failure;
  /** Where the request is, while the reply is pending. */
  readonly at?: RequestPlace | undefined;
  /** The key of the actor that will answer it, if its turn answered "later". */
  readonly later?: string | undefined;
  /** How the request ended, if it was taken back. */
  readonly cancellation?: Cancellation | undefined;
}

/** A row, as it was read. */
export interface StoredReply {
  readonly head: ReplyHead;
  readonly reply: unknown;
  readonly version: string;
}

/** How long somebody waits for a reply: until it is `over`; `ended` resolves then. */
export interface ReplyWait {
  readonly over: boolean;
  readonly ended: Promise<unknown>;
}

/** How long the store keeps the row after that. */
const slackMs = 60_000;
/** How many replies one read looks at. */
const pageMax = 100;

/**
 * The replies to submits, a row each. The turn that replies writes it in its commit, and any instance can collect it.
 */
export class ReplyRows {
  readonly #session: StoreSession;
  readonly #keepMs: number;
  /** How long one that is pending is awaited. */
  readonly #pendingMs: number;
  /** Those that wait in this process, by the name of the reply. */
  readonly #waiting = new Map<string, Set<() => void>>();
  readonly #look = new SingleFlight(() => this.#lookAtWaiting());
  #ended: string | undefined = undefined;

  constructor(session: StoreSession, keepMs: number, laterMs: number) {
    this.#session = session;
    this.#keepMs = keepMs;
    this.#pendingMs = Math.max(keepMs, laterMs);
  }

  /**
   * Adds to a commit that a reply is pending, and where its request is. It is awaited for so much longer as its request is
   * sent later.
   */
  open(writeSet: WriteSet, name: string, at?: RequestPlace, delayMs = 0): void {
    const untilMs = endAt(this.#session.clock.now() + delayMs + this.#pendingMs);
    this.#write(writeSet, name, { status: "pending", untilMs, at }, "");
  }

  /** Adds to a commit that a reply will come through a later, until then. */
  openLater(writeSet: WriteSet, name: string, { later, untilMs }: { later: string; untilMs: number }): void {
    this.#write(writeSet, name, { status: "pending", later, untilMs: endAt(untilMs + this.#keepMs) }, "");
  }

  /** Adds to a commit how a request ended that was taken back. */
  cancel(writeSet: WriteSet, name: string, failure: Failure, cancellation: Cancellation): void {
    this.#settle(writeSet, name, { status: "failed", failure, cancellation }, "");
  }

  /** Adds a message to a reply to a commit: that it is pending, the reply, or the failure of its request. */
  write(writeSet: WriteSet, name: string, operation: string, payload: unknown): void {
    if (operation === Reply.open.name) {
      const { protocol, key, delayMs } = payload as OpenedReply;
      this.open(writeSet, name, { protocol, key }, delayMs);
    } else if (operation === Reply.arrive.name) {
      this.#settle(writeSet, name, { status: "done" }, toText(payload));
    } else if (operation === Reply.refuse.name) {
      const { outcome: cancellation, ...failure } = payload as ToldFailure;
      this.#settle(writeSet, name, { status: "failed", failure, cancellation }, "");
    }
  }

  /** Whether a reply has come, and until when it is kept; `undefined` if the row cannot be read. */
  statusOf(row: Uint8Array): ReplyHead | undefined {
    return readableHead<ReplyHead>(row);
  }

  /** The system has stopped, or what else gives replies: present and later waiters are told so. */
  end(because = "the system has stopped"): void {
    this.#ended = because;
    for (const name of this.#waiting.keys()) this.#wake(name);
  }

  /** The reply of that name; waits for it until `wait` is over. Rejects as `Ticket.reply` does. */
  async collect(name: string, id: string, wait: ReplyWait): Promise<unknown> {
    const { head, reply } = await this.ended(name, id, wait);
    if (head.status === "done") return reply;
    throw errorOfFailure({ ...head.failure!, outcome: takenBack(head.cancellation) });
  }

  /** The row of that name, if it is still kept. Rejects as `Ticket.reply` does, or `Ticket.cancel`. */
  async find(name: string, id: string, aim: ReplyAim = "collect"): Promise<StoredReply> {
    const [stored] = await this.#session.connection.read([replyRowKey(name)]);
    const found = stored && readRow(stored, id, aim);
    if (found !== undefined && !this.#session.isOver(found.head.untilMs)) return found;
    throw found !== undefined || this.#isOld(id) ? expiredReply(id, aim) : unknownReply(id, aim);
  }

  /** The row of a request that has ended; waits for that until `wait` is over. Rejects as {@linkcode ReplyRows.find} does. */
  async ended(name: string, id: string, wait: ReplyWait, aim: ReplyAim = "collect"): Promise<StoredReply> {
    for (;;) {
      if (this.#ended) throw stoppedCollecting(id, aim, this.#ended);
      const woken = Promise.withResolvers<void>();
      const waiters = this.#waiting.get(name) ?? new Set();
      if (waiters.size >= waitersMax) throw pendingReply(id, waiters.size, aim);
      this.#waiting.set(name, waiters.add(woken.resolve)); // before the read: the reply may come in between
      try {
        const found = await this.find(name, id, aim);
        if (found.head.status !== "pending") return found;
        if (this.#ended) continue; // it ended during the read
        if (wait.over) throw pendingReply(id);
        await Promise.race([woken.promise, wait.ended]);
      } catch (error) {
        // Its connection was closed.
        if (this.#ended && error instanceof StoreError) throw stoppedCollecting(id, aim, this.#ended);
        throw error;
      } finally {
        waiters.delete(woken.resolve);
        if (waiters.size === 0 && this.#waiting.get(name) === waiters) this.#waiting.delete(name);
      }
    }
  }

  /**
   * Another process has committed something: reads all replies with a waiter together, and wakes the waiters of those
   * that came.
   */
  look(): Promise<void> {
    return this.#look.wake();
  }

  async #lookAtWaiting(): Promise<void> {
    const names = [...this.#waiting.keys()];
    for (const page of slicesOf(names, pageMax)) {
      const rows = await this.#session.connection.read(page.map(replyRowKey));
      for (const [index, name] of page.entries()) if (!this.#isPending(rows[index])) this.#wake(name);
    }
  }

  /** Whether a row says that its reply is still to come. If it cannot be read, its waiter reads it and gets the error. */
  #isPending(stored: Entry | undefined): boolean {
    const head = stored && readableHead<ReplyHead>(stored.value);
    return head?.status === "pending" && !this.#session.isOver(head.untilMs);
  }

  #wake(name: string): void {
    for (const wake of this.#waiting.get(name) ?? []) wake();
  }

  /** Whether a reply of that name has expired: the name carries its time. */
  #isOld(id: string): boolean {
    const atMs = timeOfReplyName(id);
    return atMs !== undefined && this.#session.isOver(endAt(atMs + this.#keepMs));
  }

  #write(writeSet: WriteSet, name: string, head: ReplyHead, text: string): void {
    const { untilMs } = head;
    writeSet.write(replyRowKey(name), encodeValue(head, text), { expiresAtMs: untilMs && untilMs + slackMs });
  }

  #settle(writeSet: WriteSet, name: string, head: ReplyHead, text: string): void {
    const untilMs = endAt(this.#session.clock.now() + this.#keepMs);
    this.#write(writeSet, name, { ...head, untilMs }, text);
    writeSet.rings = true;
    writeSet.after(() => this.#wake(name));
  }
}

/** What a row of a reply says. Throws a `PosthornError` (`failed`) if the row cannot be read. */
export function readRow({ value, version }: Entry, id: string, aim: ReplyAim = "collect"): StoredReply {
  try {
    const { head, text } = decodeValue<ReplyHead>(value);
    return { head, reply: head.status === "done" ? fromText(text) : undefined, version };
  } catch (cause) {
    throw unreadableReply(id, cause, aim);
  }
}
