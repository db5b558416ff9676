import type { Address } from "../language/address.ts";
import type { PosthornError } from "../base/errors.ts";
import type { Operation } from "../language/protocol.ts";

/** What an {@linkcode Asker} has, and no address: nothing that came from outside can pass for one. */
export const asks: unique symbol = Symbol("asks");

/** Someone in this process who waits for the reply of one message. */
export interface ReplyTarget {
  readonly [asks]: true;
  /** Whether it waits no longer. */
  readonly over: boolean;
  /** The reply: as its schema let it through, and as its handler returned it. */
  reply(output: unknown, input: unknown): void;
  /** There will be no reply. */
  fail(error: PosthornError): void;
}

/** Whether the reply goes to someone in this process. */
export function isReplyTarget(replyTo: ReplyTarget | Address | undefined): replyTo is ReplyTarget {
  return replyTo !== undefined && asks in replyTo;
}

/** When it is too late to begin, in milliseconds since 1970. */
export interface Deadline {
  readonly atMs: number;
  /** The same once the clock has been looked at; `Infinity` before: what has just begun is not too late. */
  readonly dueMs: number;
}

/** A deadline of one message. */
export function deadlineAt(atMs: number): Deadline {
  return { atMs, dueMs: atMs };
}

/** The name of a message: given by its sender, or its place in the order of this system's messages. */
export type MessageId = string | number;

/** What few messages have. */
export interface RouteExtras {
  readonly id?: MessageId | undefined;
  readonly failTo?: Address | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** Where a repeat of its id is looked for; absent where the id is its own. */
  readonly scope?: string | undefined;
  /** What was sent, where the handler gets something else: the schema's input. */
  readonly input?: { readonly payload: unknown } | undefined;
  /** How many attempts at its turn have begun. */
  readonly attempts?: number | undefined;
  /** The place of a message that it comes behind. */
  readonly after?: string | undefined;
  /** Whose message it is, where it came from outside of the program. */
  readonly caller?: string | undefined;
  /** How many bytes it came in, where that is known. */
  readonly bytes?: number | undefined;
  /** Hears its own place. */
  readonly onAccepted?: ((place: string) => void) | undefined;
}

/**
 * All that travels with a payload. Messages that differ in nothing else share one, so most messages take two places of
 * a mailbox and no memory of their own: this, and what the handler gets.
 */
export class Route {
  readonly operation: Operation;
  readonly causationId: MessageId | undefined;
  /** Absent where the message itself is the beginning. */
  readonly correlationId: MessageId | undefined;
  readonly replyTo: ReplyTarget | Address | undefined;
  /** Not started later than this. */
  readonly deadline: Deadline | undefined;
  readonly extras: RouteExtras | undefined;

  constructor(
    operation: Operation,
    causationId?: MessageId,
    correlationId?: MessageId,
    replyTo?: ReplyTarget | Address,
    deadline?: Deadline,
    extras?: RouteExtras,
  ) {
    this.operation = operation;
    this.causationId = causationId;
    this.correlationId = correlationId;
    this.replyTo = replyTo;
    this.deadline = deadline;
    this.extras = extras;
  }

  /** Whether it only says where its messages come from. */
  get plain(): boolean {
    return this.replyTo === undefined && this.deadline === undefined && this.extras === undefined;
  }

  /** Whether nobody waits for the reply, and it is never too late. */
  get carefree(): boolean {
    return this.replyTo === undefined && this.deadline === undefined;
  }

  /** The same way of another operation. */
  of(operation: Operation): Route {
    if (operation === this.operation) return this;
    const { causationId, correlationId, replyTo, deadline, extras } = this;
    return new Route(operation, causationId, correlationId, replyTo, deadline, extras);
  }

  /** The same, with something that few messages have. */
  with(extras: RouteExtras): Route {
    const { operation, causationId, correlationId, replyTo, deadline } = this;
    return new Route(operation, causationId, correlationId, replyTo, deadline, {
      ...this.extras,
      ...extras,
    });
  }
}

/**
 * One message by itself: with its receiver, its id and its payload. It is put together where a message leaves the way
 * from mailbox to handler: for a dead letter, an inspection, another attempt.
 */
export class Envelope {
  readonly route: Route;
  readonly key: string;
  readonly id: MessageId;
  /** The schema's input: what travels, and what is kept of a dead letter. */
  readonly payload: unknown;
  /** The schema's output: what the handler gets. */
  readonly value: unknown;

  constructor(route: Route, key: string, id: MessageId, value: unknown) {
    const input = route.extras?.input;
    this.route = route;
    this.key = key;
    this.id = id;
    this.payload = input === undefined ? value : input.payload;
    this.value = value;
  }

  get operation(): Operation {
    return this.route.operation;
  }

  /** The id of the message with which it all began. */
  get correlationId(): MessageId {
    return this.route.correlationId ?? this.id;
  }

  get headers(): Readonly<Record<string, string>> | undefined {
    return this.route.extras?.headers;
  }

  /** How many attempts at its turn have begun. */
  get attempts(): number {
    return this.route.extras?.attempts ?? 0;
  }

  /** The way of the same message sent again: with a new count of attempts, and nobody waits for its answer any more. */
  get routeAgain(): Route {
    const { operation, causationId, correlationId, replyTo, extras } = this.route;
    const address = isReplyTarget(replyTo) ? undefined : replyTo;
    const { failTo, headers, caller, bytes } = extras ?? {};
    const again = { id: this.id, failTo, headers, caller, bytes };
    return new Route(operation, causationId, correlationId, address, undefined, again);
  }

  /** Receiver and operation, for messages to people: `order/ada add`. */
  toString(): string {
    return nameOf(this.operation, this.key);
  }
}

/** Receiver and operation of a message, for messages to people: `order/ada add`. */
export function nameOf(operation: Operation, key: string): string {
  return `${operation.protocol}/${key} ${operation.name}`;
}
