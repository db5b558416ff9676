import type { Clock } from "../base/clock.ts";
import type { Random } from "../base/random.ts";
import type { ActorId, Address } from "../language/address.ts";
import { givenAddress } from "../language/given_address.ts";
import { type Later, type LaterParts, laterParts } from "../language/later.ts";
import type { Reason } from "../language/later_options.ts";
import { ask, nameOperations, type Operation, tell } from "../language/protocol.ts";
import { unchecked } from "../language/schema.ts";
import { randomName } from "./random_name.ts";
import { remoteAddress } from "./remote_address.ts";

/** A request whose answer is still to come. */
export interface OpenRequest {
  readonly id: string;
  readonly correlationId: string;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** The actor that got it, and its operation. */
  readonly actor: Address;
  readonly replyTo?: Address | undefined;
  readonly failTo?: Address | undefined;
  /** Who hears that nobody waits any more. */
  readonly abandonTo?: Address | undefined;
  /** Until when the answer may come, in milliseconds since 1970; absent if for ever. */
  readonly untilMs?: number | undefined;
}

const operations = {
  open: tell(unchecked<OpenRequest>()),
  answer: tell(unchecked<unknown>()),
  fail: tell(unchecked<Reason>()),
  expire: tell(),
  withdraw: ask(unchecked<"withdrawn" | "over">()),
};

/** The protocol of the actor that keeps one request which is answered later. */
export const LaterReply = nameOperations("~later", operations);

/** The same for requests to transient actors beside a store: these are in memory. */
export const TransientLaterReply = nameOperations("~transient-later", operations);

/** The first character of the key of such an actor. No other name that the system makes up begins with it. */
const durableMark = "L";
const transientMark = "U";

/** The address of one operation of the actor that keeps a request. */
export function laterAddress(key: string, operation: "open" | "answer" | "fail" | "expire"): Address {
  const { protocol } = (key.startsWith(transientMark) ? TransientLaterReply : LaterReply).answer;
  return { protocol, key, operation };
}

/** The actor that keeps a request, and its operation that withdraws it. */
export function withdrawalOf(key: string): { readonly to: ActorId; readonly operation: Operation } {
  const { withdraw } = key.startsWith(transientMark) ? TransientLaterReply : LaterReply;
  return { to: { protocol: withdraw.protocol, key }, operation: withdraw };
}

/** Whether what a reply carries is the key of such an actor. */
export function isLaterKey(name: string): boolean {
  return /^[LU][0-9A-Za-z]{32}$/.test(name);
}

const keyInText = /(~(?:transient-)?later\/[LU]\w{4})\w{28}/g;

/** A text for people without the keys of laters in it: who has one may answer. */
export function withoutLaterKeys(text: string): string {
  return text.replace(keyInText, "$1…");
}

/** Makes laters, and finds the actors that keep their requests: in this service, or in another one. */
export class Laters {
  /** How long an answer may take, if its turn does not say. */
  readonly defaultMs: number;
  readonly #service: string;
  readonly #stored: boolean;
  readonly #clock: Clock;
  readonly #random: Random;
  /** Those of turns in memory that have not ended, by their keys, with what sends an answer that came before the end. */
  readonly #unopened = new Map<string, (() => void) | undefined>();

  /** `service` is empty without a transport. */
  constructor(
    service: string,
    stored: boolean,
    { clock, random, laterMs }: { readonly clock: Clock; readonly random: Random; readonly laterMs: number },
  ) {
    this.defaultMs = laterMs;
    this.#service = service;
    this.#stored = stored;
    this.#clock = clock;
    this.#random = random;
  }

  /** A new key, of 160 random bits. `transient` says whether the actor that gets the request is transient. */
  newKey(transient: boolean): string {
    const mark = transient && this.#stored ? transientMark : durableMark;
    const key = mark + randomName(this.#random, this.#clock.now());
    if (transient || !this.#stored) this.#unopened.set(key, undefined);
    return key;
  }

  /**
   * An answer to a later came before the turn in memory had ended that made it: an actor that this turn asked gave it.
   * Returns whether it waits for that end, when `send` sends it again. At most one waits.
   */
  holdEarly(key: string, send: () => void): boolean {
    if (!this.#unopened.has(key) || this.hasEarly(key)) return false;
    this.#unopened.set(key, send);
    return true;
  }

  /** Whether an answer waits for the end of the turn that made a later. */
  hasEarly(key: string): boolean {
    return this.#unopened.get(key) !== undefined;
  }

  /** The turn has ended that made a later: it is open now, or never will be. */
  settled(key: string): void {
    const send = this.#unopened.get(key);
    this.#unopened.delete(key);
    send?.();
  }

  /** The later of a request. */
  of({ protocol, name }: Operation, key: string): Later {
    return { "~later": `${this.#service}/${protocol}.${name}/${key}` };
  }

  /** Where an answer to a later goes, or a failure. */
  addressOf({ service, protocol, key }: LaterParts, operation: "answer" | "fail"): Address {
    if (this.#service === "" || service === "" || service === this.#service) {
      return laterAddress(key, operation);
    }
    const inbox = { protocol, key, correlationId: key };
    return remoteAddress(inbox, operation === "answer" ? "arrive" : "refuse");
  }

  /**
   * The addresses for reply and failure that a sender gave: each may be a later. If the reply goes to a later, so does the
   * failure, unless the sender said where else. Throws a `PosthornError` (`invalid-address`) if one is neither.
   */
  addresses(
    options: { readonly replyTo?: Address | Later; readonly failTo?: Address | Later } | undefined,
  ): { readonly replyTo: Address | undefined; readonly failTo: Address | undefined } {
    const { replyTo, failTo = laterParts(replyTo) === undefined ? undefined : replyTo } = options ?? {};
    return { replyTo: this.#given(replyTo, "answer"), failTo: this.#given(failTo, "fail") };
  }

  #given(given: Address | Later | undefined, operation: "answer" | "fail"): Address | undefined {
    if (given === undefined) return undefined;
    const parts = laterParts(given);
    return parts === undefined ? givenAddress(given as Address) : this.addressOf(parts, operation);
  }
}
