import type { Address } from "../language/address.ts";
import type { Entry } from "../ports/store.ts";
import type { ReplyRows } from "../durable/delivery/reply_rows.ts";
import type { MessageWriter } from "../durable/delivery/message_writer.ts";
import type { StoreSession } from "../durable/commits/store_session.ts";
import type { WriteSet } from "../durable/commits/write_set.ts";
import { expectKey, replyRowKey } from "../durable/rows/keys.ts";
import { toText } from "../durable/rows/value_codec.ts";
import { readableHead } from "../durable/rows/readable_head.ts";
import { guarded } from "../base/guarded.ts";
import { keptBody, keptBytesMax } from "./decode_body.ts";
import { messageOf } from "../base/errors.ts";
import { codeOf } from "../base/thrown.ts";
import { Reply } from "../messages/builtin_protocols.ts";
import { failureAddresses, toldTo } from "../messages/failure_addresses.ts";
import { namedOperation, Route } from "../messages/envelope.ts";
import { timeOfReplyName } from "../messages/reply_name.ts";
import type { ExpectRow } from "./outbox.ts";
import type { Outcome } from "./pending_replies.ts";
import { callerOf } from "./meaning.ts";
import type { ReceivedMessage } from "./received_message.ts";

/** What the intake of replies needs. */
export interface ReplyIntakeParts {
  readonly session: StoreSession;
  readonly writer: MessageWriter;
  readonly replies: ReplyRows;
}

/** The key of the row that waits for a reply: nobody who does not know its random name can answer it. */
export function waitingKey(name: string): string {
  return timeOfReplyName(name) === undefined ? expectKey(name) : replyRowKey(name);
}

/** Why nobody takes a reply. */
export interface Lateness {
  readonly reason: string;
  readonly why: string;
}

const late: Lateness = { reason: "late-reply", why: "nobody waits for it, or nobody does any more" };
/** Why the second reply to a request is not taken. */
export const answered: Lateness = { reason: "already-answered", why: "another reply came before it" };

/** Accepts replies of other services: each row that waits takes one outcome. */
export class ReplyIntake {
  readonly #parts: ReplyIntakeParts;

  constructor(parts: ReplyIntakeParts) {
    this.#parts = parts;
  }

  /** Who takes the reply, if that is an actor. */
  receiverOf(stored: Entry | undefined, outcome: Outcome): Address | undefined {
    const row = stored && readableHead<ExpectRow>(stored.value);
    return "reply" in outcome ? row?.to : row?.failTo;
  }

  /** Adds to a part what a reply does; returns why nobody takes it. `stored` is the row that waits for it. */
  take(
    writeSet: WriteSet,
    message: ReceivedMessage,
    name: string,
    outcome: Outcome,
    stored: Entry | undefined,
  ): Lateness | undefined {
    if (stored === undefined) return late;
    if (timeOfReplyName(name) !== undefined) return this.#settle(writeSet, name, outcome, stored);
    return this.#forward(writeSet, message, outcome, stored);
  }

  /** Adds the dead letter of a reply that nobody takes. */
  refuse(
    writeSet: WriteSet,
    message: ReceivedMessage,
    name: string,
    outcome: Outcome,
    { reason, why }: Lateness,
  ): void {
    const to = { protocol: Reply.arrive.protocol, key: `~${encodeURIComponent(name.toWellFormed())}` };
    const operation = "reply" in outcome ? Reply.arrive : Reply.refuse;
    const { id, causationId, correlationId, headers, delivery } = message;
    const extras = { id, headers, caller: callerOf(message) };
    const route = new Route(operation, causationId, correlationId, undefined, undefined, extras);
    const told = "reply" in outcome ? outcome.reply : outcome.failure;
    const payload = delivery.body.length > keptBytesMax ? keptBody(delivery) : told;
    const text = guarded(() => toText(payload), ""); // what is no data is not kept
    this.#parts.writer.undelivered(writeSet, { to, route, payload, id }, { text, reason, why });
  }

  /** Settles the reply that is kept for a ticket. A failed request may be sent again, and succeed. */
  #settle(
    writeSet: WriteSet,
    name: string,
    outcome: Outcome,
    { key, value, version }: Entry,
  ): Lateness | undefined {
    const { session, replies } = this.#parts;
    const status = replies.statusOf(value);
    if (status === undefined || session.isOver(status.untilMs)) return late;
    if (status.status === "done" || (status.status === "failed" && "failure" in outcome)) return answered;
    if (status.cancellation !== undefined) return late;
    writeSet.checks.push({ key, version });
    if ("failure" in outcome) replies.write(writeSet, name, Reply.refuse.name, outcome.failure);
    else {
      try {
        replies.write(writeSet, name, Reply.arrive.name, outcome.reply);
      } catch (error) { // it is no data
        const failure = { id: name, code: codeOf(error, "failed"), message: messageOf(error) };
        replies.write(writeSet, name, Reply.refuse.name, failure);
      }
    }
    return undefined;
  }

  /** Sends the outcome to the address that waits for it. */
  #forward(
    writeSet: WriteSet,
    message: ReceivedMessage,
    outcome: Outcome,
    stored: Entry,
  ): Lateness | undefined {
    const { session, writer } = this.#parts;
    const row = readableHead<ExpectRow>(stored.value);
    if (row === undefined || session.isOver(row.untilMs)) return late;
    writeSet.removeIfUnchanged(stored, stored.value.length);
    const { id, causationId, correlationId, headers } = message;
    // If nobody wants to know of a failure, that is all.
    for (const to of "reply" in outcome ? [row.to] : failureAddresses(row.to, row.failTo)) {
      const extras = { id, headers };
      const route = new Route(namedOperation(to), causationId, correlationId, undefined, undefined, extras);
      writer.post(writeSet, to, route, "reply" in outcome ? outcome.reply : toldTo(to, outcome.failure));
    }
    return undefined;
  }
}
