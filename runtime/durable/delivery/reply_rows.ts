import { errorOfFailure } from "../../ports/dead_letters.ts";
import { messageOf, PosthornError } from "../../base/errors.ts";
import { SingleFlight } from "../../base/single_flight.ts";
import { slicesOf } from "../../base/slices_of.ts";
import type { Failure } from "../../language/failure.ts";
import { Reply } from "../../messages/builtin_protocols.ts";
import type { Entry } from "../../ports/store.ts";
import { StoreError } from "../../base/store_errors.ts";
import { endAt } from "../../base/times.ts";
import type { WriteSet } from "../commits/write_set.ts";
import { replyRowKey } from "../rows/keys.ts";
import {
  expiredReply,
  pendingReply,
  stoppedCollecting,
  timeOfReplyName,
  unknownReply,
  waitersMax,
} from "../../messages/reply_name.ts";
import type { StoreSession } from "../commits/store_session.ts";
import { readableHead } from "../rows/readable_head.ts";
import { decodeValue, encodeValue, fromText, toText } from "../rows/value_codec.ts";

interface ReplyHead {
  readonly status: "pending" | "done" | "failed";
  /** Until when it is kept, in milliseconds since 1970; absent if for ever. */
  readonly untilMs?: number | undefined;
  readonly failure?: Failure;
  /** The key of the actor that will answer it, if its turn answered "later". */
  readonly later?: string | undefined;
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
  #ended = false;

  constructor(session: StoreSession, keepMs: number, laterMs: number) {
    this.#session = session;
    this.#keepMs = keepMs;
    this.#pendingMs = Math.max(keepMs, laterMs);
  }

  /** Adds to a commit that a reply is pending. It is awaited for so much longer as its request is sent later. */
  open(writeSet: WriteSet, name: string, delayMs = 0): void {
    const untilMs = endAt(this.#session.clock.now() + delayMs + this.#pendingMs);
    this.#write(writeSet, name, { status: "pending", untilMs }, "");
  }

  /** Adds to a commit that a reply will come through a later, until then. */
  openLater(writeSet: WriteSet, name: string, { later, untilMs }: { later: string; untilMs: number }): void {
    this.#write(writeSet, name, { status: "pending", later, untilMs: endAt(untilMs + this.#keepMs) }, "");
  }

  /** Adds a message to a reply to a commit: that it is pending, the reply, or the failure of its request. */
  write(writeSet: WriteSet, name: string, operation: string, payload: unknown): void {
    if (operation === Reply.open.name) this.open(writeSet, name, payload as number | undefined);
    else if (operation === Reply.arrive.name) {
      this.#settle(writeSet, name, { status: "done" }, toText(payload));
    } else if (operation === Reply.refuse.name) {
      this.#settle(writeSet, name, { status: "failed", failure: payload as Failure }, "");
    }
  }

  /** Whether a reply has come, and until when it is kept; `undefined` if the row cannot be read. */
  statusOf(row: Uint8Array): Pick<ReplyHead, "status" | "untilMs"> | undefined {
    return readableHead<ReplyHead>(row);
  }

  /** The system has stopped: present and later waiters are told so. */
  end(): void {
    this.#ended = true;
    for (const name of this.#waiting.keys()) this.#wake(name);
  }

  /** The reply of that name; waits for it until `wait` is over. Rejects as `Ticket.reply` does. */
  async collect(
    name: string,
    id: string,
    wait: { readonly over: boolean; readonly ended: Promise<unknown> },
  ): Promise<unknown> {
    for (;;) {
      if (this.#ended) throw stoppedCollecting(id);
      const woken = Promise.withResolvers<void>();
      const waiters = this.#waiting.get(name) ?? new Set();
      if (waiters.size >= waitersMax) throw pendingReply(id, waiters.size);
      this.#waiting.set(name, waiters.add(woken.resolve)); // before the read: the reply may come in between
      try {
        const [stored] = await this.#session.connection.read([replyRowKey(name)]);
        const found = stored && readRow(stored, id);
        if (found === undefined || this.#session.isOver(found.head.untilMs)) {
          throw found !== undefined || this.#isOld(id) ? expiredReply(id) : unknownReply(id);
        }
        if (found.head.status === "done") return found.reply;
        if (found.head.status === "failed") throw errorOfFailure(found.head.failure!);
        if (this.#ended) continue; // it ended during the read
        if (wait.over) throw pendingReply(id);
        await Promise.race([woken.promise, wait.ended]);
      } catch (error) {
        if (this.#ended && error instanceof StoreError) throw stoppedCollecting(id); // its connection was closed
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
export function readRow({ value }: Entry, id: string): { readonly head: ReplyHead; readonly reply: unknown } {
  try {
    const { head, text } = decodeValue<ReplyHead>(value);
    return { head, reply: head.status === "done" ? fromText(text) : undefined };
  } catch (cause) {
    const why = `it cannot be read: ${messageOf(cause)}`;
    throw new PosthornError("failed", `Cannot collect the reply ${id}: ${why}`, { cause });
  }
}
