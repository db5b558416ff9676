import type { ActorId, Address } from "../../language/address.ts";
import { type DeadLetter, wordsMax } from "../../ports/dead_letters.ts";
import { namedOperation, nameOf, Route } from "../../messages/envelope.ts";
import type { Ids } from "../../messages/ids.ts";
import { Remote } from "../../messages/remote_address.ts";
import { failureAddresses, toldTo } from "../../messages/failure_addresses.ts";
import type { ToldFailure } from "../../messages/told_failure.ts";
import { isReplyAway, unsentReply } from "../../messages/unsent_reply.ts";
import { messageOf } from "../../base/errors.ts";
import { Collector, Publication, Reply, Topic } from "../../messages/builtin_protocols.ts";
import { keptReplyOf } from "../../messages/kept_reply.ts";
import { passOf } from "../../messages/respondents.ts";
import { shorten } from "../../base/shorten.ts";
import { codeOf } from "../../base/thrown.ts";
import { storable } from "./stored_publication.ts";
import type { SurveyReplies } from "./survey_replies.ts";
import { deadPrefix, indexKey, mailPrefix } from "../rows/keys.ts";
import type { CommittedDelivery, WriteSet } from "../commits/write_set.ts";
import type { StoreSession } from "../commits/store_session.ts";
import { headOf, type MessageHeader, NewMessage, type QueuedMessage } from "../rows/queued_message.ts";
import type { DelayedRows } from "./delayed_rows.ts";
import type { RemoteRows, Unsent } from "./remote_rows.ts";
import { PeerMailboxes } from "./peer_mailboxes.ts";
import { isAskOfPeer } from "./peer_replies.ts";
import type { ReplyRows } from "./reply_rows.ts";
import type { Unhosted } from "./unhosted.ts";
import { encodeValue, toText } from "../rows/value_codec.ts";

/** The part of a dead letter row in front of the payload. */
export interface StoredDeadLetter extends Omit<DeadLetter, "payload"> {
  readonly head: MessageHeader;
}

/** Where the actors of a protocol are: here, durable or transient; in other processes on the store; or nobody knows. */
export type Hosting = "durable" | "transient" | "peer" | "no";

/** Which actors are hosted in this process, and how full their mailboxes are. */
export interface HostLookup {
  /** Where the actors of a protocol are. */
  hosting(protocol: string): Hosting;
  /** How many messages wait for a durable actor that is in memory, and how many may; absent if it is not. */
  roomFor(actor: ActorId): { readonly waiting: number; readonly capacity: number } | undefined;
  /** A message became a dead letter before it came into its mailbox. */
  undelivered(letter: DeadLetter): void;
}

/** What commits messages, and brings them to this process. */
export interface WritingServices {
  readonly session: StoreSession;
  readonly writer: MessageWriter;
  /** Delivers what a commit brings to this process. */
  readonly committedDelivery: CommittedDelivery;
}

/** How full a mailbox is, in messages unless it says otherwise. */
interface Room {
  readonly waiting: number;
  readonly capacity: number;
  readonly what?: "messages" | "bytes";
}

/** Why a message will not be delivered. */
export interface DeadLetterReason {
  readonly reason: string;
  readonly message: string;
  readonly attempts: number;
  /** What its sender is told, if that differs from `message`. */
  readonly words?: string | undefined;
  /** Whether a handler gave the reason, although it is a word of the runtime. */
  readonly ofHandler?: true | undefined;
}

/** A message, and its receiver. */
export interface OutgoingMessage {
  readonly to: ActorId;
  readonly route: Route;
  readonly payload: unknown;
  readonly id: string;
}

/**
 * Adds what turns and callers send to a write set: to mailboxes, reply rows and survey replies, or to be delivered in
 * memory to transient actors of this process.
 */
export class MessageWriter {
  readonly #session: StoreSession;
  readonly #replies: ReplyRows;
  readonly #surveyReplies: SurveyReplies;
  readonly #hostLookup: HostLookup;
  readonly #unhosted: Unhosted;
  readonly #delayed: DelayedRows;
  readonly #ids: Ids;
  /** How full the mailboxes are of actors that other processes host. */
  readonly peerMailboxes: PeerMailboxes;
  /** What goes to other services; absent if the system has no transport. */
  remote: RemoteRows | undefined = undefined;

  constructor(
    session: StoreSession,
    replies: ReplyRows,
    surveyReplies: SurveyReplies,
    hostLookup: HostLookup,
    unhosted: Unhosted,
    delayed: DelayedRows,
    ids: Ids,
  ) {
    this.#session = session;
    this.#replies = replies;
    this.#surveyReplies = surveyReplies;
    this.#hostLookup = hostLookup;
    this.#unhosted = unhosted;
    this.peerMailboxes = new PeerMailboxes(session);
    this.#delayed = delayed;
    this.#ids = ids;
  }

  /** Adds a message to a commit, wherever it goes. `from` is the actor that sends it, if it is known. */
  post(writeSet: WriteSet, to: ActorId, route: Route, payload: unknown, from?: ActorId): void {
    if (to.protocol === Reply.open.protocol) {
      return this.#replies.write(writeSet, to.key, route.operation.name, payload);
    }
    if (to.protocol === Collector.take.protocol && this.#surveyReplies.isForAnotherInstance(to.key)) {
      return this.#surveyReplies.write(writeSet, to.key, route, payload);
    }
    if (route.extras?.delay !== undefined) return this.#delay(writeSet, to, route, payload, from);
    if (this.#hostLookup.hosting(to.protocol) === "transient") {
      return void writeSet.transientMessages.push({ to, route, payload });
    }
    const id = this.#ids.text(route.extras?.id ?? this.#ids.next());
    if (this.remote === undefined) return this.#toMailbox(writeSet, { to, route, payload, id });
    this.#postWith(this.remote, writeSet, { to, route, payload, id }, from);
  }

  /** Adds a delayed message of a turn to a commit, wherever it will go. */
  #delay(writeSet: WriteSet, to: ActorId, route: Route, payload: unknown, from: ActorId | undefined): void {
    const id = this.#ids.text(route.extras?.id ?? this.#ids.next());
    const outgoing = { to, route, payload, id };
    try {
      const written = this.#delayed.write(writeSet, outgoing, from);
      if ("reason" in written) return this.undelivered(writeSet, outgoing, written);
      const name = keptReplyOf(route.replyTo);
      if (name !== undefined) this.#replies.open(writeSet, name, written, route.extras!.delay!.delayMs);
    } catch (error) {
      this.#unsendable(writeSet, outgoing, error);
    }
  }

  /** Adds a message to a commit if other services may get it. */
  #postWith(
    remote: RemoteRows,
    writeSet: WriteSet,
    outgoing: OutgoingMessage,
    from: ActorId | undefined,
  ): void {
    const { to, route, payload, id } = outgoing;
    const published = route.operation === Topic.publish && Publication.is(payload) ? payload : undefined;
    try {
      if (remote.takes(to)) {
        const unsent = remote.write(writeSet, to, route, payload, id, from);
        return unsent && this.undelivered(writeSet, outgoing, unsent);
      }
      if (published !== undefined && remote.publishes(published)) {
        this.publishAway(writeSet, route, published, id, from);
      }
    } catch (error) {
      return this.#unsendable(writeSet, outgoing, error);
    }
    this.#toMailbox(writeSet, outgoing);
  }

  /** Whether a message of a turn would find no room beside those under way, in its mailbox or in the outbox to a service. */
  isFull(to: ActorId, underWay: number): boolean {
    if (this.remote?.takes(to)) return this.remote.isFull(to);
    const room = this.roomFor(to);
    return room !== undefined && room.waiting + underWay >= room.capacity;
  }

  /** Adds a publication to a commit for other services. Throws why it can never be sent. */
  publishAway(writeSet: WriteSet, route: Route, publication: Publication, id: string, from?: ActorId): void {
    for (const unsent of this.remote!.publish(writeSet, route, publication, id, from)) {
      const { to } = unsent;
      const outgoing = { to, route: route.of(Remote.publish), payload: publication.payload, id };
      this.undelivered(writeSet, outgoing, unsent);
    }
  }

  /** Adds a reply, or a failure, to an address. */
  answer(writeSet: WriteSet, to: Address, payload: unknown, cause: MessageHeader): void {
    const { id, correlationId = id, headers } = cause;
    const extras = headers && { headers };
    const route = new Route(namedOperation(to), id, correlationId, undefined, undefined, extras);
    this.post(writeSet, to, route, payload);
  }

  /** Tells who waits for the reply to a message, if anybody does, that there will be none. */
  tellFailure(
    writeSet: WriteSet,
    to: ActorId,
    head: MessageHeader,
    { code, message, ofHandler }: Omit<ToldFailure, "id">,
  ): void {
    const { id, failTo, replyTo } = head;
    const told = failureAddresses(replyTo, failTo);
    if (told.length === 0) {
      const { protocol, key } = to;
      return this.pass(writeSet, { protocol, key, operation: head.operation }, head);
    }
    const failure: ToldFailure = { id, code, message: shorten(message, wordsMax), ofHandler };
    for (const address of told) this.answer(writeSet, address, toldTo(address, failure), head);
  }

  /** Tells who counts respondents, if anybody does, that one of them gives no reply. */
  pass(writeSet: WriteSet, message: Address, cause: MessageHeader): void {
    const to = passOf(message, cause.replyTo);
    if (to !== undefined) this.answer(writeSet, to, undefined, cause);
  }

  /**
   * A message, ready to be written: at the given position, or at the next. `mark` is the key of the mark by which its repeats
   * are recognised, if one may come. Throws what its payload throws.
   */
  draft({ to, route, payload, id }: OutgoingMessage, place?: string, mark?: string): NewMessage {
    const input = route.extras?.input;
    const sent = input === undefined ? payload : input.payload;
    const text = toText(Publication.is(sent) ? storable(sent) : sent);
    const { encoder, instance } = this.#session;
    const bare = headOf(route, id, instance, this.#ids);
    const head = mark === undefined || route.operation.mode !== "submit" ? bare : { ...bare, mark };
    return new NewMessage(encoder, mailPrefix(to), place ?? this.#session.nextPosition(), head, text);
  }

  /**
   * Writes a message into its mailbox, and the index entry by which its actor is found. If its reply is kept, that is
   * pending, and says where the message is.
   */
  deliver(writeSet: WriteSet, to: ActorId, draft: NewMessage): void {
    const name = keptReplyOf(draft.head.replyTo);
    if (name !== undefined && !isAskOfPeer(name)) {
      const { protocol, key } = to;
      this.#replies.open(writeSet, name, { protocol, key, place: draft.place });
    }
    this.#put(writeSet, to, draft);
  }

  #put(writeSet: WriteSet, to: ActorId, draft: NewMessage): void {
    writeSet.writeOnce(draft.key, draft.value);
    const hosting = this.#hostLookup.hosting(to.protocol);
    if (hosting === "durable") {
      writeSet.writeOnce(indexKey(this.#session.instance, to), nothing);
      return void writeSet.arrivals.push({ to, draft });
    }
    writeSet.leave(to, this.#session.clock.now());
    writeSet.arrivesElsewhere({ to, draft });
    const isPeer = hosting === "peer";
    writeSet.after(() =>
      isPeer ? this.peerMailboxes.wrote(to, draft.value.length) : this.#unhosted.wrote(to)
    );
  }

  /**
   * Writes the dead letter of a message that does not come into its mailbox. `text` is as much of its payload as can be
   * stored.
   */
  undelivered(
    writeSet: WriteSet,
    { to, route, payload, id }: OutgoingMessage,
    { text, reason, why }: Unsent,
  ): void {
    const head = headOf(route, id, this.#session.instance, this.#ids);
    const message = `${nameOf(route.operation, to.key)}: ${why}`;
    const letter = this.deadLetter(writeSet, to, { head, text, payload }, { reason, message, attempts: 0 });
    writeSet.after(() => this.#hostLookup.undelivered(letter));
  }

  /** Moves a waiting message to another position, with another head. */
  move(
    writeSet: WriteSet,
    to: ActorId,
    { head, text, acceptedMs }: Pick<QueuedMessage, "head" | "text" | "acceptedMs">,
    changes: Partial<MessageHeader>,
    place: string,
  ): void {
    const { encoder, instance } = this.#session;
    const changed = { ...head, via: instance, acceptedMs, ...changes };
    this.deliver(writeSet, to, new NewMessage(encoder, mailPrefix(to), place, changed, text));
  }

  /** Writes a message anew whose failure was told, with another head. It cannot be taken back. */
  deliverAgain(
    writeSet: WriteSet,
    to: ActorId,
    { head, text }: Pick<QueuedMessage, "head" | "text">,
    changes: Partial<MessageHeader>,
  ): void {
    const { encoder, instance } = this.#session;
    const changed = { ...head, via: instance, ...changes };
    if (this.remote?.takes(to)) return this.remote.writeAgain(writeSet, to, changed, text);
    const place = this.#session.nextPosition();
    this.#put(writeSet, to, new NewMessage(encoder, mailPrefix(to), place, changed, text));
  }

  /**
   * Writes a dead letter, and the failure message to whoever waits for a reply. Returns the letter. `place` is the position
   * of the message in its mailbox; absent if it never came there.
   */
  deadLetter(
    writeSet: WriteSet,
    to: ActorId,
    message: Pick<QueuedMessage, "head" | "text" | "payload"> & { readonly place?: string },
    deadLetterReason: DeadLetterReason,
  ): DeadLetter {
    const { head, text, payload, place } = message;
    const { reason, attempts, ofHandler } = deadLetterReason;
    const stored: StoredDeadLetter = {
      id: head.id,
      protocol: to.protocol,
      key: to.key,
      operation: head.operation,
      reason,
      message: shorten(deadLetterReason.message, wordsMax),
      attempts,
      atMs: this.#session.clock.now(),
      head: { ...head, error: undefined, firstPlace: head.firstPlace ?? place },
    };
    writeSet.writeOnce(deadPrefix + this.#session.nextPosition(), encodeValue(stored, text));
    const words = deadLetterReason.words ?? deadLetterReason.message;
    this.tellFailure(writeSet, to, head, { code: reason, message: words, ofHandler });
    const { head: _, ...letter } = stored;
    return { ...letter, payload };
  }

  #toMailbox(writeSet: WriteSet, outgoing: OutgoingMessage): void {
    const { to } = outgoing;
    try {
      const draft = this.draft(outgoing);
      const room = this.roomFor(to);
      if (room === undefined) return this.deliver(writeSet, to, draft);
      const waiting = room.waiting + sentWith(writeSet, to, room.capacity - room.waiting);
      if (waiting < room.capacity) return this.deliver(writeSet, to, draft);
      const full = `the mailbox holds ${waiting} of ${room.capacity} ${room.what ?? "messages"}`;
      const why = this.#hostLookup.hosting(to.protocol) !== "no"
        ? full
        : `${full}, and this system hosts no actor of ${to.protocol}`;
      this.undelivered(writeSet, outgoing, { text: draft.text, reason: "mailbox-full", why });
    } catch (error) {
      this.#unsendable(writeSet, outgoing, error);
    }
  }

  /** How full the mailbox of an actor is, as far as this process knows. */
  roomFor(to: ActorId): Room | undefined {
    const hosting = this.#hostLookup.hosting(to.protocol);
    if (hosting !== "peer") return (hosting === "durable" ? this.#hostLookup : this.#unhosted).roomFor(to);
    const full = this.peerMailboxes.fullness(to);
    return full && { waiting: full.held, capacity: full.bound, what: full.what };
  }

  /** What its schema or its `subject` throws is a failure of this message, and not of its sender. */
  #unsendable(writeSet: WriteSet, outgoing: OutgoingMessage, error: unknown): void {
    const bare = { ...outgoing, route: withoutPayload(outgoing.route) };
    this.undelivered(writeSet, bare, { text: "", reason: codeOf(error, "failed"), why: messageOf(error) });
    const { to, route, id } = outgoing;
    if (!isReplyAway(to, route.operation)) return;
    const failure = unsentReply(this.#ids.text(route.causationId ?? id), error);
    this.post(writeSet, to, route.of(Remote.refuse), failure);
  }
}

const nothing = new Uint8Array();

/** How many messages one commit sends to an actor; counted only if they may be that many. */
function sentWith({ arrivals }: WriteSet, { protocol, key }: ActorId, atLeast: number): number {
  if (arrivals.length < atLeast) return 0;
  return arrivals.filter(({ to }) => to.key === key && to.protocol === protocol).length;
}

function withoutPayload({ operation, causationId, correlationId, extras }: Route): Route {
  return new Route(operation, causationId, correlationId, undefined, undefined, extras);
}
