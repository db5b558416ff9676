import type { Address } from "../../language/address.ts";
import { messageOf } from "../../base/errors.ts";
import { type Asker, deadlineAt, isAsker, type Rarities, Route } from "../../messages/envelope.ts";
import type { Operation } from "../../language/protocol.ts";
import type { Entry } from "../../ports/store.ts";
import type { Weight } from "../../ports/store_weight.ts";
import { endAt } from "../../base/times.ts";
import { decodeValue, fromText, type ValueEncoder } from "./stored_value.ts";

/** What is written of a message besides its payload. What is absent is not written. */
export interface MailHead {
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
  /** Whose it is, where it came from outside of the program. */
  readonly caller?: string | undefined;
  /** How many attempts it had when it stepped aside, and until when it stays there. */
  readonly attempts?: number | undefined;
  readonly notBeforeMs?: number | undefined;
  /** How long that was to be then, in milliseconds: nobody waits for longer, whatever the clocks say. */
  readonly afterMs?: number | undefined;
  /** Its first place, where it was given up and sent again. */
  readonly firstPlace?: string | undefined;
}

/** The length of a place's first half, which is a time: places are in the order of their times. */
const stampDigits = 11;
/** So many of them are as small as numbers are fastest. */
const lowDigits = 5;
const lowSpan = 36 ** lowDigits;
/** The last time that a place can have: in the year 6140. */
export const stampMax: number = 36 ** stampDigits - 1;

/** A place in a mailbox: behind all that have an earlier time, or the same and a lower name. */
export function placeOf(stampMicros: number, name: string): string {
  const high = Math.floor(stampMicros / lowSpan); // in two halves, of which small numbers are made: the whole is slow
  const low = (stampMicros - high * lowSpan).toString(36);
  return digits(high.toString(36), stampDigits - lowDigits) + digits(low, lowDigits) + name;
}

function digits(text: string, length: number): string {
  return text.length === length ? text : text.padStart(length, "0");
}

/** The time of a place, in microseconds since 1970. */
export function stampOf(place: string): number {
  return parseInt(place.slice(0, stampDigits), 36);
}

/** What the world may know of a place: its time, and not who gave it. */
export function publicPlace(place: string): string {
  return place.slice(0, stampDigits);
}

/** The time of what {@linkcode publicPlace} gave; nothing where it never did. */
export function publicStamp(text: string): number | undefined {
  const stamp = /^[0-9a-z]{11}$/.test(text) ? parseInt(text, 36) : NaN;
  return Number.isSafeInteger(stamp) ? stamp : undefined;
}

/** What stands for the operation of a message whose row cannot be read: no operation has that name. */
const unreadableName = "~unreadable";
const decoder = new TextDecoder();

/** Throws where a head is not what {@linkcode headOf} makes: what is told by it later may not fail then. */
function requireHead(head: MailHead): void {
  const { id, operation, via, causationId, correlationId, firstPlace, replyTo, failTo } = head;
  for (const part of [id, operation, via]) requireText(part);
  for (const part of [causationId, correlationId, firstPlace]) requireText(part ?? "");
  for (const part of [head.deadlineMs, head.attempts, head.notBeforeMs, head.afterMs]) {
    if (typeof (part ?? 0) !== "number") throw new TypeError("a part of it is no number");
  }
  for (const address of [replyTo, failTo]) {
    if (address === undefined) continue;
    for (const part of ["protocol", "key", "operation"] as const) requireText(address[part]);
  }
}

function requireText(part: unknown): void {
  if (typeof part !== "string") throw new TypeError("a part of it is no text");
}

/** One message that waits for its turn: in the store, or an ask, which waits in this process only. */
export class Mail {
  readonly head: MailHead;
  /** Its key in the store; absent for an ask, and as long as it is to be accepted with its turn. */
  key: string | undefined;
  readonly place: string;
  /** How it is in the store. */
  version: string | undefined;
  /** What it takes to accept it with its turn, at the most; absent where it is in the store, or is an ask. */
  direct: Weight | undefined = undefined;
  readonly bytes: number;
  /** Who waits for its reply in this process. */
  readonly asker: Asker | undefined;
  /** Why its row cannot be read; absent where it can. */
  readonly fault: string | undefined;
  readonly #text: string | undefined;
  readonly #payload: unknown;

  private constructor(
    head: MailHead,
    place: string,
    payload: { readonly text: string } | { readonly payload: unknown },
    stored: { readonly key: string; readonly version: string; readonly bytes: number } | undefined,
    asker?: Asker,
    fault?: string,
    bytes = 0,
  ) {
    this.fault = fault;
    this.head = head;
    this.place = place;
    this.#text = "text" in payload ? payload.text : undefined;
    this.#payload = "text" in payload ? undefined : payload.payload;
    this.key = stored?.key;
    this.version = stored?.version;
    this.bytes = stored?.bytes ?? bytes;
    this.asker = asker;
  }

  /** A message that was read. One whose row cannot be read has nothing but its place, and the whole row for a payload. */
  static of({ key, value, version }: Entry, prefix: string): Mail {
    const stored = { key, version, bytes: value.length };
    const place = key.slice(prefix.length);
    try {
      const { head, text } = decodeValue<MailHead>(value);
      requireHead(head);
      return new Mail(head, place, { text }, stored);
    } catch (error) {
      const head: MailHead = { id: place, operation: unreadableName, via: "" };
      const text = JSON.stringify(decoder.decode(value));
      return new Mail(
        head,
        place,
        { text },
        stored,
        undefined,
        `its row cannot be read: ${messageOf(error)}`,
      );
    }
  }

  /** A message that was just committed, which need not be read again. */
  static committed(draft: MailDraft, version: string): Mail {
    const { key, place, head, text, value } = draft;
    return new Mail(head, place, { text }, { key, version, bytes: value.length });
  }

  /** A message from outside that is to be accepted with its turn: nothing of it is in the store yet. */
  static direct({ place, head, text, value }: MailDraft, weight: Weight): Mail {
    const mail = new Mail(head, place, { text }, undefined, undefined, undefined, value.length);
    mail.direct = weight;
    return mail;
  }

  /** An ask: nothing of it is in the store. */
  static ask(head: MailHead, place: string, payload: unknown, asker: Asker, bytes = 0): Mail {
    return new Mail(head, place, { payload }, undefined, asker, undefined, bytes);
  }

  /** It has come into the store. */
  stored({ key, version }: Mail): void {
    this.key = key;
    this.version = version;
    this.direct = undefined;
  }

  /** What was sent. Throws where its text cannot be read. */
  read(): unknown {
    return this.#text === undefined ? this.#payload : fromText(this.#text);
  }

  /** What was sent, for its dead letter; nothing where its text cannot be read. */
  get payload(): unknown {
    return this.#text === undefined ? this.#payload : payloadOf(this.#text);
  }

  /** The payload as it is in the store. */
  get text(): string {
    return this.#text ?? "";
  }

  /** The way it came, as its turn sees it. */
  route(operation: Operation, attempts: number, input: { readonly payload: unknown } | undefined): Route {
    const { id, causationId, correlationId, replyTo, failTo, deadlineMs, headers, caller } = this.head;
    const rarities: Rarities = { id, failTo, headers, input, attempts, caller };
    const deadline = deadlineMs === undefined ? undefined : deadlineAt(deadlineMs);
    return new Route(operation, causationId, correlationId, this.asker ?? replyTo, deadline, rarities);
  }
}

/** What a text says, for a dead letter; nothing where it cannot be read: whoever needs it finds out why. */
export function payloadOf(text: string): unknown {
  try {
    return fromText(text);
  } catch {
    return undefined;
  }
}

/** A message that is to be written. */
export class MailDraft {
  readonly key: string;
  readonly place: string;
  readonly head: MailHead;
  readonly text: string;
  readonly value: Uint8Array;
  /** Whether who listens has been told that it is accepted. */
  accepted = false;

  constructor(encoder: ValueEncoder, prefix: string, place: string, head: MailHead, text: string) {
    this.key = prefix + place;
    this.place = place;
    this.head = head;
    this.text = text;
    this.value = encoder.encode(head, text);
  }
}

/** What is written of a route. `nameOf` gives the names of messages that have numbers. */
export function headOf(
  route: Route,
  id: string,
  via: string,
  nameOf: (id: string | number) => string,
): MailHead {
  const { operation, causationId, correlationId, replyTo, deadline, rarities } = route;
  return {
    id,
    operation: operation.name,
    via,
    causationId: causationId === undefined ? undefined : nameOf(causationId),
    correlationId: correlationId === undefined ? undefined : nameOf(correlationId),
    replyTo: replyTo === undefined || isAsker(replyTo) ? undefined : plain(replyTo),
    failTo: rarities?.failTo && plain(rarities.failTo),
    deadlineMs: deadline && endAt(deadline.atMs),
    headers: rarities?.headers,
    caller: rarities?.caller,
  };
}

/** An address and nothing else. */
function plain({ protocol, key, operation }: Address): Address {
  return { protocol, key, operation };
}
