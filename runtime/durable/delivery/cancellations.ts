import { cancelledFailure, takeBackHere, tellFailTo } from "../../activations/take_back.ts";
import type { MessageReports, MessageTimes } from "../../activations/message_reports.ts";
import type { DeliveryPort } from "../../activations/runtime_services.ts";
import { ReplyPendingError } from "../../base/errors.ts";
import type { ActorId } from "../../language/address.ts";
import type { Failure } from "../../language/failure.ts";
import type { Cancellation } from "../../language/ticket.ts";
import { Reply } from "../../messages/builtin_protocols.ts";
import { Envelope } from "../../messages/envelope.ts";
import type { Ids } from "../../messages/ids.ts";
import { shownName } from "../../messages/shown_name.ts";
import type { Timers } from "../../scheduling/timers.ts";
import { commitKnown } from "../commits/commit_one.ts";
import { WriteSet } from "../commits/write_set.ts";
import { mailPrefix } from "../rows/keys.ts";
import { type MessageHeader, QueuedMessage } from "../rows/queued_message.ts";
import { readableHead } from "../rows/readable_head.ts";
import type { StoredSchedule } from "../rows/schedule_row.ts";
import type { DelayedRows } from "./delayed_rows.ts";
import type { WritingServices } from "./message_writer.ts";
import type { ReplyRows, ReplyWait, RequestPlace, StoredReply } from "./reply_rows.ts";
import type { RowWriter } from "./row_writer.ts";
import { SentCancellations } from "./sent_cancellations.ts";

/** Takes back requests to transient actors of this process. */
export class MemoryCancellations {
  readonly #parts: { readonly delivery: DeliveryPort; readonly ids: Ids; readonly rows: RowWriter };

  constructor(parts: { readonly delivery: DeliveryPort; readonly ids: Ids; readonly rows: RowWriter }) {
    this.#parts = parts;
  }

  /** Returns whether it is here: then its reply says that it was cancelled. */
  async cancel(name: string, at: RequestPlace): Promise<boolean> {
    const { delivery, rows, ids } = this.#parts;
    const envelope = takeBackHere(delivery, at, name);
    if (envelope === undefined) return false;
    const failure = cancelledFailure(ids.text(envelope.id), shownName(envelope.operation, envelope.key));
    tellFailTo(delivery, envelope, failure);
    await rows.cancel(name, failure);
    return true;
  }
}

/** What taking back needs of the store of its system. */
export interface CancellationParts extends WritingServices {
  readonly replies: ReplyRows;
  readonly delivery: Pick<DeliveryPort, "operationAt"> & {
    readonly reports: Pick<MessageReports, "cancelled">;
  };
  readonly timers: Pick<Timers, "set">;
  readonly delayed: DelayedRows;
  /** Takes back the requests that are in the memory of this process; absent if it runs no actors. */
  readonly memory?: MemoryCancellations;
  /**
   * A message of an actor in the store was taken back: its actor, if it is here, must not wait for it. Returns the times of
   * its turn, if that runs here and somebody listens.
   */
  takenBack(to: ActorId, place: string): MessageTimes | undefined;
}

/**
 * Takes requests back whose replies are rows. The pending row says where its request is. One commit removes the message and
 * writes the outcome. A turn of that message commits only if the message still waits, so either of the two commits.
 */
export class Cancellations {
  readonly #parts: CancellationParts;
  readonly #sent: SentCancellations;

  constructor(parts: CancellationParts) {
    this.#parts = parts;
    this.#sent = new SentCancellations(parts);
  }

  /**
   * Takes back the request of a reply. Resolves with how it ended, or with nothing if that is not decided before `wait` is
   * over. If its turn has answered "later", resolves with the key of the actor that can withdraw it, unless that was asked
   * before. Rejects as `Ticket.cancel` does.
   */
  async cancel(
    name: string,
    id: string,
    wait: ReplyWait,
    asked: boolean,
  ): Promise<Cancellation | { readonly later: string } | undefined> {
    for (;;) {
      const stored = await this.#parts.replies.find(name, id, "cancel");
      const { head: { status, at, later } } = stored;
      if (status !== "pending") return outcomeOf(stored);
      if (later !== undefined) return asked ? await this.#settled(name, id, wait) : { later };
      const step = at?.sent !== undefined
        ? await this.#sent.step(name, stored, at.sent, at)
        : at?.delayed !== undefined
        ? await this.#delayed(name, id, stored, at, at.delayed)
        : at?.place === undefined
        ? await this.#inMemory(name, at)
        : await this.#waiting(name, id, stored, at, at.place);
      if (step === "again") continue;
      if (step === "cancelled") return step;
      const settled = await this.#sent.within(
        wait,
        at?.sent?.deadlineMs,
        (wait) => this.#settled(name, id, wait),
      );
      if (settled !== undefined || wait.over) return settled;
    }
  }

  /** Adds to a commit that a message which waits is taken back. Returns the failure for whoever waits for its reply. */
  takeOut(writeSet: WriteSet, to: ActorId, mail: QueuedMessage): Failure {
    const { delivery, takenBack } = this.#parts;
    const { head, place } = mail;
    const { protocol, key } = to;
    const operation = delivery.operationAt({ protocol, key, operation: head.operation });
    writeSet.removeIfUnchanged({ key: mail.key!, version: mail.version }, mail.bytes);
    writeSet.after(() => {
      const times = takenBack(to, place);
      const route = mail.route(operation, head.attempts ?? 0, undefined);
      const envelope = new Envelope(route, key, head.id, undefined);
      delivery.reports.cancelled(envelope, { acceptedMs: mail.acceptedMs, ...times });
    });
    return cancelledFailure(head.id, shownName(operation, key));
  }

  /** Takes back a request whose message waits in the mailbox of an actor. */
  async #waiting(
    name: string,
    id: string,
    { version }: StoredReply,
    at: RequestPlace,
    place: string,
  ): Promise<"cancelled" | "again" | "elsewhere"> {
    const { session, replies } = this.#parts;
    const [mail] = await session.connection.read([mailPrefix(at) + place]);
    if (mail !== undefined) {
      if (await this.#remove(name, at, QueuedMessage.of(mail, mailPrefix(at)))) return "cancelled";
      session.probes?.reach("a request ended while it was taken back");
      return "again";
    }
    return (await replies.find(name, id, "cancel")).version === version ? "elsewhere" : "again";
  }

  /** Takes back a request that is not due: removes its schedule, which sends nothing any more. */
  async #delayed(
    name: string,
    id: string,
    { version }: StoredReply,
    at: RequestPlace,
    { timer, due }: NonNullable<RequestPlace["delayed"]>,
  ): Promise<"cancelled" | "again" | "elsewhere"> {
    const { session, replies, committedDelivery, delayed } = this.#parts;
    const [row] = await session.connection.read([timer]);
    const head = row && readableHead<StoredSchedule>(row.value)?.delayed?.head;
    if (row === undefined || head === undefined) {
      // It was due: it waits where it was sent, or in the memory of a process.
      return (await replies.find(name, id, "cancel")).version === version
        ? await this.#inMemory(name, at)
        : "again";
    }
    const shown = `${at.protocol}/${at.key} ${head.operation}`;
    session.committer.requireRoom(shown);
    const writeSet = new WriteSet();
    writeSet.removeIfUnchanged(row, row.value.length);
    writeSet.remove(due);
    writeSet.after(() => delayed.sent(row.value.length));
    this.#tell(writeSet, name, head, cancelledFailure(head.id, shown));
    const landed = await commitKnown(session, writeSet, shown);
    if (landed === undefined) return "again";
    writeSet.land(committedDelivery, landed, session.nextReadEpoch());
    return "cancelled";
  }

  /** Adds to a commit that a request was taken back, for its reply and for the address that it names for failures. */
  #tell(writeSet: WriteSet, name: string, head: MessageHeader, failure: Failure): void {
    const { replies, writer } = this.#parts;
    replies.cancel(writeSet, name, failure, "cancelled");
    if (head.failTo !== undefined && head.failTo.protocol !== Reply.refuse.protocol) {
      writer.answer(writeSet, head.failTo, failure, head);
    }
  }

  /** Removes a message that waits, and settles its reply. Returns whether it did: a turn may have taken it. */
  async #remove(name: string, at: RequestPlace, mail: QueuedMessage): Promise<boolean> {
    const { session, committedDelivery } = this.#parts;
    const shown = `${at.protocol}/${at.key} ${mail.head.operation}`;
    session.committer.requireRoom(shown);
    const writeSet = new WriteSet();
    this.#tell(writeSet, name, mail.head, this.takeOut(writeSet, at, mail));
    const version = await commitKnown(session, writeSet, shown);
    if (version !== undefined) writeSet.land(committedDelivery, version, session.nextReadEpoch());
    return version !== undefined;
  }

  /** Takes back a request that is in the memory of a process, if it is this one. */
  async #inMemory(name: string, at: RequestPlace | undefined): Promise<"cancelled" | "elsewhere"> {
    return at !== undefined && await this.#parts.memory?.cancel(name, at) ? "cancelled" : "elsewhere";
  }

  /** Waits until somebody else has settled the reply. */
  async #settled(name: string, id: string, wait: ReplyWait): Promise<Cancellation | undefined> {
    try {
      return outcomeOf(await this.#parts.replies.ended(name, id, wait, "cancel"));
    } catch (error) {
      if (wait.over && error instanceof ReplyPendingError) return undefined;
      throw error; // also if as many wait for the reply as may: to look again at once would never end
    }
  }
}

function outcomeOf({ head: { status, cancellation } }: StoredReply): Cancellation {
  return status === "done" ? "done" : cancellation ?? "failed";
}
