import type { ActorId, Address } from "../../language/address.ts";
import { type DeadLetter, wordsMax } from "../../ports/dead_letters.ts";
import { type MessageId, namedOperation, nameOf, Route } from "../../messages/envelope.ts";
import { messageOf } from "../../base/errors.ts";
import type { Failure } from "../../language/failure.ts";
import { Collector, Publication, Reply } from "../../messages/builtin_protocols.ts";
import { shorten } from "../../base/shorten.ts";
import { codeOf } from "../../base/thrown.ts";
import type { SurveyReplies } from "./survey_replies.ts";
import { deadPrefix, indexKey, mailPrefix } from "../rows/keys.ts";
import type { WriteSet } from "../commits/write_set.ts";
import type { StoreSession } from "../commits/store_session.ts";
import { headOf, type MessageHeader, NewMessage } from "../rows/queued_message.ts";
import type { ReplyRows } from "./reply_rows.ts";
import { encodeValue, toText } from "../rows/value_codec.ts";

/** What a published event is in the store: a topic need not know its protocol. */
export interface StoredPublication {
  readonly protocol: string;
  readonly name: string;
  readonly mode: "event" | "survey";
  readonly subject: string;
  readonly payload: unknown;
}

/** A dead letter in the store, besides its payload. */
export interface StoredDeadLetter extends Omit<DeadLetter, "payload"> {
  readonly head: MessageHeader;
}

/** Where messages go from here. */
export interface HostLookup {
  /** Whether the actors of that protocol are durable and run here; whether they run here and keep nothing; neither. */
  hosting(protocol: string): "durable" | "transient" | "no";
  /** How many messages wait for an actor, and how many may, where that is known here. */
  roomFor(actor: ActorId): { readonly waiting: number; readonly capacity: number } | undefined;
  /** A message was committed for an actor whose protocol is not hosted here. */
  unhosted(actor: ActorId): void;
  /** A message was given up that did not come into its mailbox. */
  undelivered(letter: DeadLetter): void;
}

/** Why a message will not be delivered. */
export interface DeadLetterReason {
  readonly reason: string;
  readonly message: string;
  readonly attempts: number;
  /** What its sender is told, where that is another message. */
  readonly words?: string | undefined;
}

/** A message, and whom it is for. */
export interface OutgoingMessage {
  readonly to: ActorId;
  readonly route: Route;
  readonly payload: unknown;
  readonly id: string;
}

/**
 * Writes what turns and callers send: into mailboxes, into replies and answers, or to those in this process who keep
 * nothing.
 */
export class MessageWriter {
  readonly #session: StoreSession;
  readonly #replies: ReplyRows;
  readonly #surveyReplies: SurveyReplies;
  readonly #hostLookup: HostLookup;
  readonly #idText: (id: MessageId) => string;
  readonly #nextId: () => string;

  constructor(
    session: StoreSession,
    replies: ReplyRows,
    surveyReplies: SurveyReplies,
    hostLookup: HostLookup,
    ids: { text(id: MessageId): string; next(): number },
  ) {
    this.#session = session;
    this.#replies = replies;
    this.#surveyReplies = surveyReplies;
    this.#hostLookup = hostLookup;
    this.#idText = (id) => ids.text(id);
    this.#nextId = () => ids.text(ids.next());
  }

  /** Sends a message with a commit. */
  post(writeSet: WriteSet, to: ActorId, route: Route, payload: unknown): void {
    if (to.protocol === Reply.open.protocol) {
      return this.#toReply(writeSet, to.key, route.operation.name, payload);
    }
    if (to.protocol === Collector.take.protocol && this.#surveyReplies.isForAnotherInstance(to.key)) {
      return this.#surveyReplies.write(writeSet, to.key, route, payload);
    }
    if (this.#hostLookup.hosting(to.protocol) === "transient") {
      return void writeSet.transientMessages.push({ to, route, payload });
    }
    const id = this.#idText(route.extras?.id ?? this.#nextId());
    this.#toMailbox(writeSet, { to, route, payload, id });
  }

  /** Sends a reply, or a failure, to an address. */
  answer(writeSet: WriteSet, to: Address, payload: unknown, cause: MessageHeader): void {
    const { id, correlationId = id, headers } = cause;
    const extras = headers && { headers };
    const route = new Route(namedOperation(to), id, correlationId, undefined, undefined, extras);
    this.post(writeSet, to, route, payload);
  }

  /** A message from outside, ready to be written: at that place, or at the next. Throws what its payload throws. */
  draft(to: ActorId, route: Route, payload: unknown, id: string, place?: string): NewMessage {
    return this.#draft({ to, route, payload, id }, place);
  }

  /** Writes a message into its mailbox, and that it should be looked at. */
  deliver(writeSet: WriteSet, to: ActorId, draft: NewMessage): void {
    writeSet.writeOnce(draft.key, draft.value);
    const here = this.#hostLookup.hosting(to.protocol) === "durable";
    if (here) {
      writeSet.writeOnce(indexKey(this.#session.instance, to), nothing);
      return void writeSet.arrivals.push({ to, draft });
    }
    writeSet.leave(to, this.#session.clock.now());
    writeSet.after(() => this.#hostLookup.unhosted(to));
  }

  /**
   * Writes a dead letter of a message that does not come into its mailbox, with `text` as its payload: as much of it as
   * could be written.
   */
  undelivered(
    writeSet: WriteSet,
    { to, route, payload, id }: OutgoingMessage,
    { text, reason, why }: { readonly text: string; readonly reason: string; readonly why: string },
  ): void {
    const head = headOf(route, id, this.#session.instance, this.#idText);
    const message = `${nameOf(route.operation, to.key)}: ${why}`;
    const letter = this.deadLetter(writeSet, to, { head, text, payload }, { reason, message, attempts: 0 });
    writeSet.after(() => this.#hostLookup.undelivered(letter));
  }

  /** Makes a dead letter of a message, and tells who is to hear of it. Returns the letter. */
  deadLetter(
    writeSet: WriteSet,
    to: ActorId,
    message: {
      readonly head: MessageHeader;
      readonly text: string;
      readonly payload: unknown;
      /** Where it waited; absent where it never came into its mailbox. */
      readonly place?: string;
    },
    deadLetterReason: DeadLetterReason,
  ): DeadLetter {
    const { head, text, payload, place } = message;
    const { protocol, key } = to;
    const { reason, attempts } = deadLetterReason;
    const stored: StoredDeadLetter = {
      id: head.id,
      protocol,
      key,
      operation: head.operation,
      reason,
      message: shorten(deadLetterReason.message, wordsMax),
      attempts,
      atMs: this.#session.clock.now(),
      head: { ...head, firstPlace: head.firstPlace ?? place },
    };
    writeSet.writeOnce(deadPrefix + this.#session.nextPosition(), encodeValue(stored, text));
    const { failTo, replyTo } = head;
    const told = failTo ?? (replyTo?.protocol === Reply.open.protocol ? refusalAt(replyTo) : undefined);
    if (told !== undefined) {
      const failure: Failure = {
        id: head.id,
        code: reason,
        message: shorten(deadLetterReason.words ?? deadLetterReason.message, wordsMax),
      };
      this.answer(writeSet, told, failure, head);
    }
    const { head: _, ...letter } = stored;
    return { ...letter, payload };
  }

  #toMailbox(writeSet: WriteSet, outgoing: OutgoingMessage): void {
    const { to, route } = outgoing;
    try {
      const draft = this.#draft(outgoing);
      const room = this.#hostLookup.roomFor(to);
      if (room === undefined) return this.deliver(writeSet, to, draft);
      const waiting = room.waiting + sentWith(writeSet, to, room.capacity - room.waiting);
      if (waiting < room.capacity) return this.deliver(writeSet, to, draft);
      const full = `the mailbox holds ${waiting} of ${room.capacity} messages`;
      const hosted = this.#hostLookup.hosting(to.protocol) !== "no";
      const why = hosted ? full : `${full}, and this system hosts no actor of ${to.protocol}`;
      this.undelivered(writeSet, outgoing, { text: draft.text, reason: "mailbox-full", why });
    } catch (error) {
      // What its schema or its `subject` throws is this message's failure, and not its sender's.
      const bare = { ...outgoing, route: withoutPayload(route) };
      this.undelivered(writeSet, bare, { text: "", reason: codeOf(error, "failed"), why: messageOf(error) });
    }
  }

  #draft({ to, route, payload, id }: OutgoingMessage, place?: string): NewMessage {
    const input = route.extras?.input;
    const sent = input === undefined ? payload : input.payload;
    const text = toText(Publication.is(sent) ? storable(sent) : sent);
    const head = headOf(route, id, this.#session.instance, this.#idText);
    const { encoder } = this.#session;
    return new NewMessage(encoder, mailPrefix(to), place ?? this.#session.nextPosition(), head, text);
  }

  #toReply(writeSet: WriteSet, name: string, operation: string, payload: unknown): void {
    if (operation === Reply.open.name) this.#replies.open(writeSet, name);
    else if (operation === Reply.arrive.name) this.#replies.arrive(writeSet, name, payload);
    else if (operation === Reply.refuse.name) this.#replies.refuse(writeSet, name, payload as Failure);
  }
}

const nothing = new Uint8Array();

/** How many messages one commit sends to an actor; counted only where that may be as many as asked for. */
function sentWith({ arrivals }: WriteSet, { protocol, key }: ActorId, atLeast: number): number {
  if (arrivals.length < atLeast) return 0;
  return arrivals.filter(({ to }) => to.key === key && to.protocol === protocol).length;
}

/** A publication as it is written. Throws where it does not fit its schema. */
export function storable(publication: Publication): StoredPublication {
  const { operation, payload } = publication;
  const { subject } = publication.check();
  const { protocol, name, mode } = operation;
  return { protocol, name, mode: mode === "survey" ? mode : "event", subject, payload };
}

function refusalAt({ protocol, key }: Address): Address {
  return { protocol, key, operation: Reply.refuse.name };
}

function withoutPayload({ operation, causationId, correlationId, extras }: Route): Route {
  return new Route(operation, causationId, correlationId, undefined, undefined, extras);
}
