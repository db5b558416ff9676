import { cancelledFailure, takeBackHere, tellFailTo } from "../../activations/take_back.ts";
import type { DeliveryPort } from "../../activations/runtime_services.ts";
import { ReplyPendingError } from "../../base/errors.ts";
import type { ActorId } from "../../language/address.ts";
import type { Cancellation } from "../../language/ticket.ts";
import { Reply } from "../../messages/builtin_protocols.ts";
import { Envelope } from "../../messages/envelope.ts";
import type { Ids } from "../../messages/ids.ts";
import { shownName } from "../../messages/shown_name.ts";
import { commitKnown } from "../commits/commit_one.ts";
import { WriteSet } from "../commits/write_set.ts";
import { mailPrefix } from "../rows/keys.ts";
import { QueuedMessage } from "../rows/queued_message.ts";
import type { WritingServices } from "./message_writer.ts";
import type { ReplyRows, ReplyWait, RequestPlace, StoredReply } from "./reply_rows.ts";
import type { RowWriter } from "./row_writer.ts";

/** What taking back needs of the store of its system. */
export interface CancellationParts extends WritingServices {
  readonly replies: ReplyRows;
  readonly rows: RowWriter;
  readonly delivery: DeliveryPort;
  readonly ids: Ids;
  /** A message of an actor in the store was taken back: its actor, if it is here, must not wait for it. */
  takenBack(to: ActorId, place: string): void;
}

/**
 * Takes requests back whose replies are rows. The pending row says where its request is. One commit removes the message and
 * writes the outcome. A turn of that message commits only if the message still waits, so either of the two commits.
 */
export class Cancellations {
  readonly #parts: CancellationParts;

  constructor(parts: CancellationParts) {
    this.#parts = parts;
  }

  /**
   * Takes back the request of a reply. Resolves with how it ended, or with nothing if that is not decided before `wait` is
   * over. Rejects as `Ticket.cancel` does.
   */
  async cancel(name: string, id: string, wait: ReplyWait): Promise<Cancellation | undefined> {
    const { session, replies } = this.#parts;
    for (;;) {
      const stored = await replies.find(name, id);
      const { head: { status, at } } = stored;
      if (status !== "pending") return outcomeOf(stored);
      if (at?.place === undefined) return await this.#elsewhere(name, id, at, wait);
      const [mail] = await session.connection.read([mailPrefix(at) + at.place]);
      if (mail !== undefined) {
        if (await this.#remove(name, at, QueuedMessage.of(mail, mailPrefix(at)))) return "cancelled";
        session.probes?.reach("a request ended while it was taken back");
      } else if ((await replies.find(name, id)).version === stored.version) {
        return await this.#settled(name, id, wait); // its turn is over, and its reply comes later
      }
    }
  }

  /** Removes a message that waits, and settles its reply. Returns whether it did: a turn may have taken it. */
  async #remove(name: string, at: RequestPlace, mail: QueuedMessage): Promise<boolean> {
    const { session, writer, replies, committedDelivery, takenBack } = this.#parts;
    const { head } = mail;
    const operation = this.#parts.delivery.operationAt({ ...at, operation: head.operation });
    const shown = shownName(operation, at.key);
    session.committer.requireRoom(shown);
    const writeSet = new WriteSet();
    writeSet.removeIfUnchanged({ key: mail.key!, version: mail.version }, mail.bytes);
    const failure = cancelledFailure(head.id, shown);
    replies.cancel(writeSet, name, failure, "cancelled");
    if (head.failTo !== undefined && head.failTo.protocol !== Reply.refuse.protocol) {
      writer.answer(writeSet, head.failTo, failure, head);
    }
    const version = await commitKnown(session, writeSet, shown);
    if (version === undefined) return false;
    takenBack(at, mail.place);
    const envelope = new Envelope(
      mail.route(operation, head.attempts ?? 0, undefined),
      at.key,
      head.id,
      undefined,
    );
    this.#parts.delivery.inspect({ type: "cancelled" }, envelope);
    writeSet.land(committedDelivery, version, session.nextReadEpoch());
    return true;
  }

  /** Takes back a request that is in the memory of a process, if it is this one. */
  async #elsewhere(
    name: string,
    id: string,
    at: RequestPlace | undefined,
    wait: ReplyWait,
  ): Promise<Cancellation | undefined> {
    const { delivery, rows, ids } = this.#parts;
    const envelope = at && takeBackHere(delivery, at, name);
    if (envelope === undefined) return await this.#settled(name, id, wait);
    const failure = cancelledFailure(ids.text(envelope.id), shownName(envelope.operation, envelope.key));
    tellFailTo(delivery, envelope, failure);
    await rows.cancel(name, failure);
    return "cancelled";
  }

  /** Waits until somebody else has settled the reply. */
  async #settled(name: string, id: string, wait: ReplyWait): Promise<Cancellation | undefined> {
    try {
      return outcomeOf(await this.#parts.replies.ended(name, id, wait));
    } catch (error) {
      if (error instanceof ReplyPendingError) return undefined;
      throw error;
    }
  }
}

function outcomeOf({ head: { status, cancellation } }: StoredReply): Cancellation {
  return status === "done" ? "done" : cancellation ?? "failed";
}
