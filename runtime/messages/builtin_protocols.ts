import type { ActorId, Address } from "../language/address.ts";
import type { Subscribed, SurveyEnd } from "../language/context.ts";
import type { Envelope } from "./envelope.ts";
import { messageOf, PosthornError } from "../base/errors.ts";
import { Failure } from "../language/failure.ts";
import { ask, nameOperations, type Operation, tell } from "../language/protocol.ts";
import { parse } from "../language/parse.ts";
import { type Schema, unchecked } from "../language/schema.ts";
import { requireSubject } from "../language/subject.ts";
import { isSound } from "../base/thrown.ts";

/** What is published: an event or a survey, and its payload. */
export class Publication {
  readonly operation: Operation;
  /** The schema's input. */
  readonly payload: unknown;
  /** Whether another service published it: then it is not sent to other services again. */
  readonly heard: boolean;
  /** Of a survey: how many functions are asked besides, which its topic does not know. */
  asked = 0;
  #checked: { readonly value: unknown; readonly subject: string } | undefined;

  constructor(operation: Operation, payload: unknown, heard = false) {
    this.operation = operation;
    this.payload = payload;
    this.heard = heard;
  }

  /** Whether a value is one. Any payload may be asked about, so this reads nothing from it: a Proxy could throw. */
  static is(value: unknown): value is Publication {
    return typeof value === "object" && value !== null && #checked in value;
  }

  /**
   * The output of its schema, and its subject. Throws an `InvalidPayloadError`, `invalid-subject`, or a `TypeError` if
   * its schema or its `subject` throws.
   */
  check(): { readonly value: unknown; readonly subject: string } {
    if (this.#checked !== undefined) return this.#checked;
    const value = parse(this.operation.payload, this.payload, "Cannot publish", topicKey(this.operation));
    return this.#checked = { value, subject: this.#subjectOf(value) };
  }

  #subjectOf(value: unknown): string {
    const { subject } = this.operation;
    if (subject === undefined) return "";
    try {
      return requireSubject(subject(value as never));
    } catch (error) {
      if (isSound(error, PosthornError)) throw error;
      const why = `its subject failed: ${messageOf(error)}`;
      throw new TypeError(`Cannot publish ${topicKey(this.operation)}: ${why}`, { cause: error });
    }
  }
}

/** The payload of a message as its sender gave it: that of a publication is wrapped. */
export function payloadOf(envelope: Envelope): unknown {
  return Publication.is(envelope.payload) ? envelope.payload.payload : envelope.payload;
}

/** A request to end a subscription: the one with that token; without a token, whichever the address has. */
export interface Unsubscription {
  readonly to: Address;
  /** Tells a subscription from another one of the same address. */
  readonly token?: number | string | undefined;
}

/** A request to subscribe one address to one topic. */
export interface SubscriptionRequest extends Unsubscription {
  readonly subject: string | undefined;
}

/** A page of the subscriptions of a topic, without those of functions. `next` asks for the page after it. */
export interface SubscriptionsPage {
  readonly subscriptions: readonly Subscribed[];
  readonly next?: string | undefined;
}

/** The protocol of a topic: the actor that has the subscribers of one event or survey. */
export const Topic = nameOperations("~topic", {
  publish: tell(unchecked<Publication>()),
  subscribe: tell(unchecked<SubscriptionRequest>()),
  unsubscribe: tell(unchecked<Unsubscription>()),
  leave: tell(unchecked<ActorId>()),
  list: ask(unchecked<{ readonly after?: string | undefined }>(), unchecked<SubscriptionsPage>()),
  remove: ask(unchecked<Unsubscription>(), unchecked<boolean>()),
});

/** The most subscribers of a topic. */
export const subscribersMax = 100_000;

/** The key of the topic of an event or a survey. */
export function topicKey(operation: Operation): string {
  return `${operation.protocol}.${operation.name}`;
}

/** The receiver of the request of a reply, and its delay in milliseconds. */
export interface OpenedReply extends ActorId {
  readonly delayMs?: number | undefined;
}

/**
 * The protocol of the reply to one submit, which is kept until it is collected or expires. It is opened with the receiver
 * of the request, so that the request can be taken back.
 */
export const Reply = nameOperations("~reply", {
  open: tell(unchecked<OpenedReply>()),
  arrive: tell(unchecked<unknown>()),
  refuse: tell(Failure),
});

/** What a collector does with the replies of one survey. */
export interface Collection {
  readonly replies: {
    /** Adds a reply: the output of its schema, and its input. */
    push(output: unknown, input: unknown): void;
    end(why: SurveyEnd): void;
  };
  /** The schema of each reply. */
  readonly reply: Schema<unknown> | undefined;
  readonly max: number;
  /** How many services must be through: 0 if only this one is asked, `Infinity` if nobody knows how many are. */
  readonly services: number;
}

/** The protocol of a collector: the actor that takes the replies of one survey, in the process that asked. */
export const Collector = nameOperations("~collector", {
  open: tell(unchecked<Collection>()),
  /** A respondent of this service replies. */
  take: tell(unchecked<unknown>()),
  /** A respondent of this service has abstained, or failed. */
  pass: tell(),
  /** So many respondents of this service were asked. */
  asked: tell(unchecked<number>()),
  /** A reply that is not counted as that of a respondent of this service. */
  add: tell(unchecked<unknown>()),
  /** So many other services are through. */
  through: tell(unchecked<number>()),
  expire: tell(),
  close: tell(),
});

/** The key of a collector. It contains the surveyor and the deadline, because a respondent knows only this address. */
export function collectorKey(surveyor: string, number: number, deadlineMs: number): string {
  const atMs = Math.min(Math.ceil(deadlineMs), Number.MAX_SAFE_INTEGER); // a survey may have no deadline
  return `${surveyor}-${number.toString(36)}-${atMs.toString(36)}`;
}

/** The surveyor and the deadline in the key of a collector; `undefined` if it is no such key. */
export function surveyOf(
  key: string,
): { readonly surveyor: string; readonly deadlineMs: number } | undefined {
  const [, surveyor, deadline] = /^(.+)-[0-9a-z]+-([0-9a-z]+)$/.exec(key) ?? [];
  return surveyor === undefined ? undefined : { surveyor, deadlineMs: parseInt(deadline, 36) };
}
