import type { Address } from "./address.ts";
import type { PosthornError } from "./errors.ts";
import type { Operation } from "./protocol.ts";
import { parse } from "./schema.ts";

/** Someone in this process who waits for the reply of one message. */
export interface Asker {
  /** Whether it waits no longer. */
  readonly over: boolean;
  /** The reply: as its schema let it through, and as its handler returned it. */
  reply(output: unknown, input: unknown): void;
  /** There will be no reply. */
  fail(error: PosthornError): void;
}

/** The name of a message: given by its sender, or its place in the order of this system's messages. */
export type MessageId = string | number;

/** What travels besides operation, receiver and payload. */
export interface Route {
  readonly id: MessageId;
  readonly causationId: MessageId | undefined;
  readonly correlationId: MessageId | undefined;
  readonly replyTo: Asker | Address | undefined;
  readonly failTo: Address | undefined;
  readonly deadlineMs: number;
  readonly headers: Readonly<Record<string, string>> | undefined;
  readonly scope: string | undefined;
}

/** The value of a payload that has not been through its schema. */
const unparsed = Symbol("unparsed");

/** One message on its way. Only `value` and `attempts` ever change. */
export class Envelope implements Route {
  readonly operation: Operation;
  readonly key: string;
  /** The schema's input: what travels, and what is kept of a dead letter. */
  readonly payload: unknown;
  /** The schema's output: what the handler gets. */
  value: unknown;
  readonly id: MessageId;
  readonly causationId: MessageId | undefined;
  readonly correlationId: MessageId;
  readonly replyTo: Asker | Address | undefined;
  readonly failTo: Address | undefined;
  /** Not started later than this (milliseconds since 1970); `Infinity` without a deadline. */
  readonly deadlineMs: number;
  readonly headers: Readonly<Record<string, string>> | undefined;
  /** Where a repeat of its id is looked for; absent where the id is its own. */
  readonly scope: string | undefined;
  /** How many attempts at its turn have begun. */
  attempts = 0;

  constructor(operation: Operation, key: string, payload: unknown, route: Route) {
    this.operation = operation;
    this.key = key;
    this.payload = payload;
    this.value = unparsed;
    this.id = route.id;
    this.causationId = route.causationId;
    this.correlationId = route.correlationId ?? route.id;
    this.replyTo = route.replyTo;
    this.failTo = route.failTo;
    this.deadlineMs = route.deadlineMs;
    this.headers = route.headers;
    this.scope = route.scope;
  }

  /** Lets the payload through its schema, once. Throws an `InvalidPayloadError` when it does not fit. */
  check(): void {
    if (this.value !== unparsed) return;
    this.value = parse(this.operation.payload, this.payload, () => `Cannot accept ${this}`);
  }

  /** Receiver and operation, for messages to people: `order/ada add`. */
  toString(): string {
    return `${this.operation.protocol}/${this.key} ${this.operation.name}`;
  }
}

/** Tells an asker from an address: an address is plain data. */
export function isAsker(replyTo: Asker | Address): replyTo is Asker {
  return "reply" in replyTo;
}
