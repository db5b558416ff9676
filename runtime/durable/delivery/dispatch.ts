import type { ActorId, Address } from "../../language/address.ts";
import { type DeadLetter, wordsMax } from "../../ports/dead_letters.ts";
import { type MessageId, nameOf, Route } from "../../messages/envelope.ts";
import { messageOf } from "../../base/errors.ts";
import type { Failure } from "../../language/failure.ts";
import { Collector, Publication, Reply } from "../../messages/modes.ts";
import type { Fullness } from "../../activations/overflow.ts";
import type { Operation } from "../../language/protocol.ts";
import { shorten } from "../../base/shorten.ts";
import { codeOf } from "../../base/thrown.ts";
import type { Answers } from "./answers.ts";
import { deadPrefix, indexKey, mailPrefix } from "../rows/keys.ts";
import type { Effects } from "../commits/effects.ts";
import type { Ledger } from "../commits/ledger.ts";
import { headOf, MailDraft, type MailHead } from "../rows/mail.ts";
import type { Replies } from "./replies.ts";
import { encodeValue, fromText, toText } from "../rows/stored_value.ts";

/** What a published event is in the store: a topic need not know its protocol. */
export interface StoredPublication {
  readonly protocol: string;
  readonly name: string;
  readonly mode: "event" | "survey";
  readonly subject: string;
  readonly payload: unknown;
}

/** A dead letter in the store, besides its payload. */
export interface StoredLetter extends Omit<DeadLetter, "payload"> {
  readonly head: MailHead;
}

/** Where messages go from here. */
export interface Whereabouts {
  /** Whether the actors of that protocol are durable and run here; whether they run here and keep nothing; neither. */
  hosting(protocol: string): "durable" | "transient" | "no";
  /** How many messages wait for an actor, and how many may, where that is known here. */
  roomFor(actor: ActorId): { readonly waiting: number; readonly capacity: number } | undefined;
  /** A message was committed for an actor whose protocol is not hosted here. */
  unhosted(actor: ActorId): void;
  /** A message was given up that did not come into its mailbox. */
  astray(letter: DeadLetter): void;
}

/** Why a message will not be delivered. */
export interface Death {
  readonly reason: string;
  readonly message: string;
  readonly attempts: number;
  /** What its sender is told, where that is another message. */
  readonly words?: string | undefined;
}

/** What is written with a message. */
interface Parcel {
  readonly to: ActorId;
  readonly route: Route;
  readonly payload: unknown;
  readonly id: string;
}

/**
 * Writes what turns and callers send: into mailboxes, into replies and answers, or to those in this process who keep
 * nothing.
 */
export class Dispatch {
  readonly #ledger: Ledger;
  readonly #replies: Replies;
  readonly #answers: Answers;
  readonly #whereabouts: Whereabouts;
  readonly #idText: (id: MessageId) => string;
  readonly #nextId: () => string;

  constructor(
    ledger: Ledger,
    replies: Replies,
    answers: Answers,
    whereabouts: Whereabouts,
    ids: { text(id: MessageId): string; next(): number },
  ) {
    this.#ledger = ledger;
    this.#replies = replies;
    this.#answers = answers;
    this.#whereabouts = whereabouts;
    this.#idText = (id) => ids.text(id);
    this.#nextId = () => ids.text(ids.next());
  }

  /** Sends a message with a commit. */
  post(effects: Effects, to: ActorId, route: Route, payload: unknown): void {
    if (to.protocol === Reply.open.protocol) {
      return this.#toReply(effects, to.key, route.operation.name, payload);
    }
    if (to.protocol === Collector.take.protocol && this.#answers.brings(to.key)) {
      return this.#answers.write(effects, to.key, route, payload);
    }
    if (this.#whereabouts.hosting(to.protocol) === "transient") {
      return void effects.locals.push({ to, route, payload });
    }
    const id = this.#idText(route.rarities?.id ?? this.#nextId());
    this.#toMailbox(effects, { to, route, payload, id });
  }

  /** Sends a reply, or a failure, to an address. */
  answer(effects: Effects, to: Address, payload: unknown, cause: MailHead): void {
    const { id, correlationId = id, headers } = cause;
    const rarities = headers && { headers };
    const route = new Route(namedOperation(to), id, correlationId, undefined, undefined, rarities);
    this.post(effects, to, route, payload);
  }

  /** A message from outside, ready to be written: at that place, or at the next. Throws what its payload throws. */
  draft(to: ActorId, route: Route, payload: unknown, id: string, place?: string): MailDraft {
    return this.#draft({ to, route, payload, id }, place);
  }

  /** Writes a message into its mailbox, and that it should be looked at. */
  deliver(effects: Effects, to: ActorId, draft: MailDraft): void {
    effects.writeOnce(draft.key, draft.value);
    const here = this.#whereabouts.hosting(to.protocol) === "durable";
    if (here) {
      effects.writeOnce(indexKey(this.#ledger.instance, to), nothing);
      return void effects.arrivals.push({ to, draft });
    }
    effects.leave(to, this.#ledger.clock.now());
    effects.after(() => this.#whereabouts.unhosted(to));
  }

  /** Writes a message from outside for which there is no room as a dead letter. */
  drop(
    effects: Effects,
    to: ActorId,
    route: Route,
    draft: MailDraft,
    { held, bound, what }: Fullness,
  ): void {
    const { text, head: { id } } = draft;
    const why = `it gave way: the mailbox held ${held} of ${bound} ${what}`;
    this.#buryUndelivered(effects, { to, route, payload: fromText(text), id }, text, "dropped", why);
  }

  /** Makes a dead letter of a message that will not be sent, as much of its payload as there is text of. */
  giveUp(
    effects: Effects,
    to: ActorId,
    route: Route,
    { id, text, reason, why }: {
      readonly id: string;
      readonly text: string;
      readonly reason: string;
      readonly why: string;
    },
  ): void {
    const payload = fromText(text);
    this.#buryUndelivered(effects, { to, route: withoutPayload(route), payload, id }, text, reason, why);
  }

  /** Makes a dead letter of a message, and tells who is to hear of it. Returns the letter. */
  bury(
    effects: Effects,
    to: ActorId,
    message: {
      readonly head: MailHead;
      readonly text: string;
      readonly payload: unknown;
      /** Where it waited; absent where it never came into its mailbox. */
      readonly place?: string;
    },
    death: Death,
  ): DeadLetter {
    const { head, text, payload, place } = message;
    const { protocol, key } = to;
    const { reason, attempts } = death;
    const stored: StoredLetter = {
      id: head.id,
      protocol,
      key,
      operation: head.operation,
      reason,
      message: shorten(death.message, wordsMax),
      attempts,
      atMs: this.#ledger.clock.now(),
      head: { ...head, firstPlace: head.firstPlace ?? place },
    };
    effects.writeOnce(deadPrefix + this.#ledger.nextPlace(), encodeValue(stored, text));
    const { failTo, replyTo } = head;
    const told = failTo ?? (replyTo?.protocol === Reply.open.protocol ? refusalAt(replyTo) : undefined);
    if (told !== undefined) {
      const failure: Failure = {
        id: head.id,
        code: reason,
        message: shorten(death.words ?? death.message, wordsMax),
      };
      this.answer(effects, told, failure, head);
    }
    const { head: _, ...letter } = stored;
    return { ...letter, payload };
  }

  #toMailbox(effects: Effects, parcel: Parcel): void {
    const { to, route } = parcel;
    try {
      const draft = this.#draft(parcel);
      const room = this.#whereabouts.roomFor(to);
      if (room === undefined) return this.deliver(effects, to, draft);
      const waiting = room.waiting + sentWith(effects, to, room.capacity - room.waiting);
      if (waiting < room.capacity) return this.deliver(effects, to, draft);
      const full = `the mailbox holds ${waiting} of ${room.capacity} messages`;
      const hosted = this.#whereabouts.hosting(to.protocol) !== "no";
      const why = hosted ? full : `${full}, and this system hosts no actor of ${to.protocol}`;
      this.#buryUndelivered(effects, parcel, draft.text, "mailbox-full", why);
    } catch (error) {
      // What its schema or its `subject` throws is this message's failure, and not its sender's.
      const code = codeOf(error, "failed");
      this.#buryUndelivered(effects, { ...parcel, route: withoutPayload(route) }, "", code, messageOf(error));
    }
  }

  #buryUndelivered(
    effects: Effects,
    { to, route, payload, id }: Parcel,
    text: string,
    reason: string,
    why: string,
  ): void {
    const head = headOf(route, id, this.#ledger.instance, this.#idText);
    const message = `${nameOf(route.operation, to.key)}: ${why}`;
    const letter = this.bury(effects, to, { head, text, payload }, { reason, message, attempts: 0 });
    effects.after(() => this.#whereabouts.astray(letter));
  }

  #draft({ to, route, payload, id }: Parcel, place?: string): MailDraft {
    const input = route.rarities?.input;
    const sent = input === undefined ? payload : input.payload;
    const text = toText(Publication.is(sent) ? storable(sent) : sent);
    const head = headOf(route, id, this.#ledger.instance, this.#idText);
    const { encoder } = this.#ledger;
    return new MailDraft(encoder, mailPrefix(to), place ?? this.#ledger.nextPlace(), head, text);
  }

  #toReply(effects: Effects, name: string, operation: string, payload: unknown): void {
    if (operation === Reply.open.name) this.#replies.open(effects, name);
    else if (operation === Reply.arrive.name) this.#replies.arrive(effects, name, payload);
    else if (operation === Reply.refuse.name) this.#replies.refuse(effects, name, payload as Failure);
  }
}

const nothing = new Uint8Array();

/** How many messages one commit sends to an actor; counted only where that may be as many as asked for. */
function sentWith({ arrivals }: Effects, { protocol, key }: ActorId, atLeast: number): number {
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

function withoutPayload({ operation, causationId, correlationId, rarities }: Route): Route {
  return new Route(operation, causationId, correlationId, undefined, undefined, rarities);
}

/** The operation at an address, for what is only written: its schema is its receiver's. */
export function namedOperation({ protocol, operation: name }: Address): Operation {
  return { protocol, name, mode: "tell", slot: -1, payload: undefined, unchecked: true };
}
