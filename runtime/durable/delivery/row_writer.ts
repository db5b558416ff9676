import type { ActorId } from "../../language/address.ts";
import type { Failure } from "../../language/failure.ts";
import { wordsMax } from "../../ports/dead_letters.ts";
import { namedOperation, type Route } from "../../messages/envelope.ts";
import { messageOf, PosthornError } from "../../base/errors.ts";
import { type OpenedReply, Reply } from "../../messages/builtin_protocols.ts";
import { replyNameOf } from "../../messages/reply_name.ts";
import { shorten } from "../../base/shorten.ts";
import { requireFits, sizeOfCommit } from "../../ports/commit_size.ts";
import type { WritingServices } from "./message_writer.ts";
import { WriteSet } from "../commits/write_set.ts";
import { replyRowKey } from "../rows/keys.ts";
import type { ReplyRows } from "./reply_rows.ts";
import { commitOne } from "../commits/commit_one.ts";
import {
  isUnavailable,
  type RetryServices,
  retryWhileUnavailable,
} from "../../scheduling/retry_while_unavailable.ts";

/** How many rows may wait for a store that is away; one beyond that fails at once. */
const waitingMax = 1_000;

/** What a row writer needs. */
export interface RowWriterParts extends RetryServices, WritingServices {
  readonly replies: ReplyRows;
  /** How long a reply is kept, and so how long writing it is tried. */
  readonly replyRetentionMs: number;
}

/**
 * Writes the replies of transient actors: to submits, and to surveys of other instances. Each is a row in a commit of
 * its own, since a transient turn has none.
 */
export class RowWriter {
  readonly #parts: RowWriterParts;
  #waiting = 0;

  constructor(parts: RowWriterParts) {
    this.#parts = parts;
  }

  /**
   * Writes a pending reply of that name to a request that is in the memory of this process, unless it has come already.
   * Rejects if the store does not take it.
   */
  async open(name: string, { protocol, key, delayMs }: OpenedReply): Promise<void> {
    const writeSet = new WriteSet();
    writeSet.checks.push({ key: replyRowKey(name), version: undefined });
    this.#parts.replies.open(writeSet, name, { protocol, key }, delayMs);
    await this.#commit(writeSet, name);
  }

  /** Writes that the request of a reply was taken back, which was in the memory of this process. Tries as `write` does. */
  async cancel(name: string, failure: Failure): Promise<void> {
    const writeSet = new WriteSet();
    this.#parts.replies.cancel(writeSet, name, failure, "cancelled");
    await this.#trying(() => this.#commit(writeSet, name));
  }

  /**
   * Writes a reply to a submit or to a survey. While the store is away it tries again, for as long as replies are kept.
   * Rejects with the reason if it cannot be written; then it writes the refusal of the reply, so that its waiter gets
   * an error.
   */
  async write(to: ActorId, route: Route, payload: unknown): Promise<void> {
    try {
      await this.#write(to, route, payload);
    } catch (error) {
      const replies = to.protocol === Reply.arrive.protocol && route.operation.name === Reply.arrive.name;
      if (replies && !isUnavailable(error)) await this.#refuse(to, route, error);
      throw error;
    }
  }

  async #write(to: ActorId, route: Route, payload: unknown): Promise<void> {
    if (to.protocol === Reply.open.protocol && route.operation.name === Reply.open.name) {
      return await this.#trying(() => this.open(to.key, payload as OpenedReply));
    }
    const writeSet = new WriteSet(); // one for all attempts: one that landed unnoticed is overwritten, not doubled
    this.#parts.writer.post(writeSet, to, route, payload);
    await this.#trying(() => this.#commit(writeSet, to.key));
  }

  async #refuse(to: ActorId, route: Route, error: unknown): Promise<void> {
    const { protocol, key } = to;
    const operation = namedOperation({ protocol, key, operation: Reply.refuse.name });
    const code = error instanceof PosthornError ? error.code : "failed";
    const failure = {
      id: String(route.causationId ?? ""),
      code,
      message: shorten(messageOf(error), wordsMax),
    };
    await this.#write(to, route.of(operation), failure).catch(() => {}); // the reply stays pending until it expires
  }

  async #trying(act: () => Promise<void>): Promise<void> {
    const { session: { clock }, replyRetentionMs } = this.#parts;
    const untilMs = clock.monotonicMs() + replyRetentionMs;
    this.#waiting++;
    try {
      await retryWhileUnavailable(
        this.#parts,
        act,
        () => this.#waiting > waitingMax || clock.monotonicMs() >= untilMs,
      );
    } finally {
      this.#waiting--;
    }
  }

  async #commit(writeSet: WriteSet, name: string): Promise<void> {
    const { session, committedDelivery } = this.#parts;
    const { limits } = session.traits;
    const what = `the reply ${replyNameOf(name)}`;
    requireFits(what, sizeOfCommit(writeSet, limits), limits);
    if (writeSet.writes.length > 0) session.committer.requireRoom(what);
    const version = writeSet.writes.length === 0 ? "" : await commitOne(session.committer, writeSet);
    if (version !== undefined) writeSet.land(committedDelivery, version, session.nextReadEpoch());
  }
}
