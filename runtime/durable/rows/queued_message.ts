import type { Address } from "../../language/address.ts";
import { messageOf } from "../../base/errors.ts";
import {
  deadlineAt,
  isReplyTarget,
  type ReplyTarget,
  Route,
  type RouteExtras,
} from "../../messages/envelope.ts";
import type { Ids } from "../../messages/ids.ts";
import type { Operation } from "../../language/protocol.ts";
import type { Entry } from "../../ports/store.ts";
import type { CommitSize } from "../../ports/commit_size.ts";
import { endAt } from "../../base/times.ts";
import type { Watch } from "../../messages/watch.ts";
import { decodeValue, fromText, type ValueEncoder } from "./value_codec.ts";

/** The part of a stored message besides its payload. What is absent is not written. */
export interface MessageHeader {
  readonly id: string;
  readonly operation: string;
  /** The instance that wrote it. */
  readonly via: string;
  readonly causationId?: string | undefined;
  readonly correlationId?: string | undefined;
  readonly replyTo?: Address | undefined;
  readonly failTo?: Address | undefined;
  readonly deadlineMs?: number | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** The caller, if the message came from outside of the program. */
  readonly caller?: string | undefined;
  /** Of a submit: the key of the mark by which its repeats are recognised. If it is answered later, that lives as long. */
  readonly mark?: string | undefined;
  /** The attempts that have failed and the time of the next, if others may overtake the message until then. */
  readonly attempts?: number | undefined;
  readonly notBeforeMs?: number | undefined;
  /** The error of the last of these attempts in words, for people. */
  readonly error?: string | undefined;
  /** The delay that was meant, in milliseconds: nobody waits for longer, whatever the clocks say. */
  readonly afterMs?: number | undefined;
  /** When it was accepted, in milliseconds since 1970, if it has moved behind others: its position tells another time. */
  readonly acceptedMs?: number | undefined;
  /** Its first position, if it was a dead letter and was resent. */
  readonly firstPlace?: string | undefined;
  /** Of a dead letter to another service: what went with it, and goes with it again, so that its repeat is recognised. */
  readonly sent?: SentParts | undefined;
}

/** What a message to another service carries besides its head. */
export interface SentParts {
  /** The name of its sender on the wire. */
  readonly sender: string;
  /** What its reply carries; absent if it has none. */
  readonly replyName?: string | undefined;
}

/** How many digits the time has with which a position begins, so that positions have the order of times. */
const timestampDigits = 11;
/** The last digits, as many as fit in a small integer of the engine, which are fastest. */
const lowDigits = 5;
const lowSpan = 36 ** lowDigits;
/** The last time that a position can have: in the year 6140. */
export const timestampMax: number = 36 ** timestampDigits - 1;

/** A position in a mailbox. Positions have the order of times, and at the same time that of names. */
export function positionOf(timestampMicros: number, name: string): string {
  const high = Math.floor(timestampMicros / lowSpan); // two small integers: toString of the whole is slow
  const low = (timestampMicros - high * lowSpan).toString(36);
  return digits(high.toString(36), timestampDigits - lowDigits) + digits(low, lowDigits) + name;
}

function digits(text: string, length: number): string {
  return text.length === length ? text : text.padStart(length, "0");
}

/** The time of a position, in microseconds since 1970. */
export function timestampOf(place: string): number {
  return parseInt(place.slice(0, timestampDigits), 36);
}

/** The public part of a position: its time without the instance. */
export function positionToken(place: string): string {
  return place.slice(0, timestampDigits);
}

/** The time of a token of {@linkcode positionToken}; `undefined` for any other text. */
export function timestampOfToken(text: string): number | undefined {
  const stamp = /^[0-9a-z]{11}$/.test(text) ? parseInt(text, 36) : NaN;
  return Number.isSafeInteger(stamp) ? stamp : undefined;
}

/** The operation of a message whose row cannot be read: no operation has that name. */
const unreadableName = "~unreadable";
const decoder = new TextDecoder();

/** Throws unless a head has the form that {@linkcode headOf} makes: later code relies on that form. */
function requireHead(head: MessageHeader): void {
  const { id, operation, via, causationId, correlationId, firstPlace, mark, headers, replyTo, failTo } = head;
  for (const part of [id, operation, via]) requireText(part);
  for (const part of [causationId, correlationId, firstPlace, mark]) requireText(part ?? "");
  for (const part of [head.deadlineMs, head.attempts, head.notBeforeMs, head.afterMs, head.acceptedMs]) {
    if (typeof (part ?? 0) !== "number") throw new TypeError("a part of it is no number");
  }
  if (headers !== undefined) {
    if (typeof headers !== "object" || headers === null) throw new TypeError("its headers are no object");
    for (const value of Object.values(headers)) requireText(value);
  }
  for (const address of [replyTo, failTo]) {
    if (address === undefined) continue;
    for (const part of ["protocol", "key", "operation"] as const) requireText(address[part]);
  }
}

function requireText(part: unknown): void {
  if (typeof part !== "string") throw new TypeError("a part of it is no text");
}

/** One message that waits for its turn: in the store, or, as an ask, in this process alone. */
export class QueuedMessage {
  readonly head: MessageHeader;
  /** Its key in the store; absent for an ask, and for a message that is to be accepted with its turn. */
  key: string | undefined = undefined;
  readonly place: string;
  /** The version of its row. */
  version: string | undefined = undefined;
  /** The most that it adds to the commit of its turn; absent if the message is in the store, or is an ask. */
  direct: CommitSize | undefined = undefined;
  /** Present if it was accepted in this process while somebody listened to events. */
  watch: Watch | undefined = undefined;
  readonly bytes: number;
  /** The caller that waits for its reply in this process. */
  readonly replyTarget: ReplyTarget | undefined;
  /** Why its row cannot be read; absent if it can. */
  readonly fault: string | undefined;
  readonly #text: string | undefined;
  readonly #payload: unknown;

  private constructor(
    head: MessageHeader,
    place: string,
    text: string | undefined,
    payload: unknown,
    bytes: number,
    replyTarget?: ReplyTarget,
    fault?: string,
  ) {
    this.head = head;
    this.place = place;
    this.#text = text;
    this.#payload = payload;
    this.bytes = bytes;
    this.replyTarget = replyTarget;
    this.fault = fault;
  }

  /**
   * The message in a row. If the row cannot be read, the message has nothing but its position, and the whole row as its
   * payload.
   */
  static of({ key, value, version }: Entry, prefix: string): QueuedMessage {
    const place = key.slice(prefix.length);
    const bytes = value.length;
    let mail: QueuedMessage;
    try {
      const { head, text } = decodeValue<MessageHeader>(value);
      requireHead(head);
      mail = new QueuedMessage(head, place, text, undefined, bytes);
    } catch (error) {
      const head: MessageHeader = { id: place, operation: unreadableName, via: "" };
      const text = JSON.stringify(decoder.decode(value));
      const fault = `its row cannot be read: ${messageOf(error)}`;
      mail = new QueuedMessage(head, place, text, undefined, bytes, undefined, fault);
    }
    return mail.stored(key, version);
  }

  /** A message that was just committed, which need not be read again. */
  static committed({ key, place, head, text, value, watch }: NewMessage, version: string): QueuedMessage {
    const mail = new QueuedMessage(head, place, text, undefined, value.length).stored(key, version);
    mail.watch = watch;
    return mail;
  }

  /** A message from outside that is to be accepted with its turn: nothing of it is in the store yet. */
  static direct({ place, head, text, value }: NewMessage, size: CommitSize): QueuedMessage {
    const mail = new QueuedMessage(head, place, text, undefined, value.length);
    mail.direct = size;
    return mail;
  }

  /** An ask: nothing of it is in the store. */
  static ask(
    head: MessageHeader,
    place: string,
    payload: unknown,
    replyTarget: ReplyTarget,
    bytes = 0,
  ): QueuedMessage {
    return new QueuedMessage(head, place, undefined, payload, bytes, replyTarget);
  }

  /** The message is in the store now. */
  stored(key: string | undefined, version: string | undefined): this {
    this.key = key;
    this.version = version;
    this.direct = undefined;
    return this;
  }

  /** When it was accepted, in milliseconds since 1970; `undefined` if its position has no time. */
  get acceptedMs(): number | undefined {
    const ms = this.head.acceptedMs ?? Math.floor(timestampOf(this.place) / 1_000);
    return Number.isFinite(ms) ? ms : undefined;
  }

  /** The payload. Throws if its text cannot be read. */
  read(): unknown {
    return this.#text === undefined ? this.#payload : fromText(this.#text);
  }

  /** The payload for a dead letter; `undefined` if its text cannot be read. */
  get payload(): unknown {
    try {
      return this.read();
    } catch {
      return undefined;
    }
  }

  /** The payload as the store has it. */
  get text(): string {
    return this.#text ?? "";
  }

  /** The route of the message, for its turn. */
  route(operation: Operation, attempts: number, input: { readonly payload: unknown } | undefined): Route {
    const { id, causationId, correlationId, replyTo, failTo, deadlineMs, headers, caller } = this.head;
    const extras: RouteExtras = { id, failTo, headers, input, attempts, caller, watch: this.watch };
    const deadline = deadlineMs === undefined ? undefined : deadlineAt(deadlineMs);
    return new Route(operation, causationId, correlationId, this.replyTarget ?? replyTo, deadline, extras);
  }
}

/** A message that is to be written. */
export class NewMessage {
  readonly key: string;
  readonly place: string;
  readonly head: MessageHeader;
  readonly text: string;
  readonly value: Uint8Array;
  /** Whether listeners were told that it is accepted. */
  accepted = false;
  /** Present if they were. */
  watch: Watch | undefined = undefined;

  constructor(encoder: ValueEncoder, prefix: string, place: string, head: MessageHeader, text: string) {
    this.key = prefix + place;
    this.place = place;
    this.head = head;
    this.text = text;
    this.value = encoder.encode(head, text);
  }
}

/** The stored part of a route. */
export function headOf(route: Route, id: string, via: string, ids: Ids): MessageHeader {
  const { operation, causationId, correlationId, replyTo, deadline, extras } = route;
  return {
    id,
    operation: operation.name,
    via,
    causationId: causationId === undefined ? undefined : ids.text(causationId),
    correlationId: correlationId === undefined ? undefined : ids.text(correlationId),
    replyTo: replyTo === undefined || isReplyTarget(replyTo) ? undefined : plain(replyTo),
    failTo: extras?.failTo && plain(extras.failTo),
    deadlineMs: deadline && endAt(deadline.atMs),
    headers: extras?.headers,
    caller: extras?.caller,
    mark: extras?.mark,
  };
}

/** An address without other members that the given object may have. */
function plain({ protocol, key, operation }: Address): Address {
  return { protocol, key, operation };
}
