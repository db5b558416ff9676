import type { Address } from "../language/address.ts";
import type { PosthornError } from "../base/errors.ts";
import type { Operation } from "../language/protocol.ts";
import type { Delay } from "./delay.ts";
import type { Watch } from "./watch.ts";

/** Marks a {@linkcode ReplyTarget}: an address from outside cannot have it. */
export const asks: unique symbol = Symbol("asks");

/** Whoever asked, and may have gone before the reply comes. */
export interface Asker {
  readonly signal?: AbortSignal;
}

/** The receiver of one reply, which waits for it in this process. */
export interface ReplyTarget {
  readonly [asks]: true;
  /** Who asked: its signal aborts when it has gone. A request of HTTP makes its signal when that is read. */
  readonly asker?: Asker | undefined;
  /** Whether it waits no longer. */
  readonly over: boolean;
  /** The addresses that it passes reply and failure on to. Only who waits for the end of a turn has them. */
  readonly origin?: { readonly replyTo?: Address | undefined; readonly failTo?: Address | undefined };
  /**
   * Gives it the reply: the output of its schema, its input, as the handler returned it, and the headers of what the turn
   * causes, if it is one in memory.
   */
  reply(output: unknown, input: unknown, headers?: Readonly<Record<string, string>>): void;
  /** Tells it that there will be no reply. */
  fail(error: PosthornError): void;
  /** Tells it that a turn in memory has ended that gives no reply. Only who waits for the end of a turn has it. */
  done?(): void;
  /** Where respondents reply to, if the turn that it waits for asks some. */
  readonly replyTo?: Address | undefined;
}

/** Whether a reply goes to a receiver that waits in this process. */
export function isReplyTarget(replyTo: ReplyTarget | Address | undefined): replyTo is ReplyTarget {
  return replyTo !== undefined && asks in replyTo;
}

/** When a turn is too late to begin, in milliseconds since 1970. */
export interface Deadline {
  readonly atMs: number;
  /** The same once the scheduler has read the clock; `Infinity` before, since nothing is late at once. */
  readonly dueMs: number;
}

/** A deadline of one message. */
export function deadlineAt(atMs: number): Deadline {
  return { atMs, dueMs: atMs };
}

/** The id of a message: a text that its sender gave, or the number that this system gave it. */
export type MessageId = string | number;

/** What only few messages have. */
export interface RouteExtras {
  readonly id?: MessageId | undefined;
  readonly failTo?: Address | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** The scope in which its id is unique; absent if no repeat of it can come. */
  readonly scope?: string | undefined;
  /** The scope of its id, if it was recognised as no repeat before: it was delayed, or was a dead letter. */
  readonly acceptedScope?: string | undefined;
  /** Of a delayed submit in a store: the key of the mark by which its repeats are recognised. */
  readonly mark?: string | undefined;
  /** The schema's input, if the handler gets something else. */
  readonly input?: { readonly payload: unknown } | undefined;
  /** How many attempts have begun. */
  readonly attempts?: number | undefined;
  /** In memory: why its last attempt failed, in words, and when it is tried again, by the monotonic clock. */
  readonly failed?: { readonly error: string; readonly dueMs: number } | undefined;
  /** How long it waits before it takes its place; absent if it does not. */
  readonly delay?: Delay | undefined;
  /** The position of a message that it must follow. */
  readonly after?: string | undefined;
  /** The caller, if the message came from outside of the program. */
  readonly caller?: string | undefined;
  /** How many bytes it had when it came in, if that is known. */
  readonly bytes?: number | undefined;
  /** Present if it was accepted while somebody listened to events. */
  readonly watch?: Watch | undefined;
  /** Gets the position of the message. */
  readonly onAccepted?: ((place: string) => void) | undefined;
}

/**
 * All that travels with a payload. Messages that differ only in their payload share a route. So most messages take two
 * slots of a mailbox (the route, and what the handler gets) and no memory of their own.
 */
export class Route {
  readonly operation: Operation;
  readonly causationId: MessageId | undefined;
  /** Absent if the message itself is the first of its chain. */
  readonly correlationId: MessageId | undefined;
  readonly replyTo: ReplyTarget | Address | undefined;
  /** After this the message is not started. */
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

  /** Whether it has only an operation and the ids of a chain. */
  get plain(): boolean {
    return this.replyTo === undefined && this.deadline === undefined && this.extras === undefined;
  }

  /** Whether nobody waits for a reply, there is no deadline, and no listener is told of its turn. */
  get carefree(): boolean {
    return this.replyTo === undefined && this.deadline === undefined && !this.watched;
  }

  /** Whether listeners are told of its turn. */
  get watched(): boolean {
    return this.extras !== undefined && this.extras.watch !== undefined;
  }

  /** The same route for another operation. */
  of(operation: Operation): Route {
    if (operation === this.operation) return this;
    const { causationId, correlationId, replyTo, deadline, extras } = this;
    return new Route(operation, causationId, correlationId, replyTo, deadline, extras);
  }

  /** The same route with further extras. */
  with(extras: RouteExtras): Route {
    const { operation, causationId, correlationId, replyTo, deadline } = this;
    const all = this.extras === undefined ? extras : { ...this.extras, ...extras };
    return new Route(operation, causationId, correlationId, replyTo, deadline, all);
  }
}

/**
 * One message in one object: its receiver, its id and its payload. Most messages never need it: it is made for a dead
 * letter, an inspection or another attempt.
 */
export class Envelope {
  readonly route: Route;
  readonly key: string;
  readonly id: MessageId;
  /** The schema's input: what travels, and what a dead letter keeps. */
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

  /** The id of the first message of its chain. */
  get correlationId(): MessageId {
    return this.route.correlationId ?? this.id;
  }

  get headers(): Readonly<Record<string, string>> | undefined {
    return this.route.extras?.headers;
  }

  /** How many attempts have begun. */
  get attempts(): number {
    return this.route.extras?.attempts ?? 0;
  }

  /** The route of a resent message: it has a new count of attempts, and nobody waits for its answer. */
  get routeAgain(): Route {
    const { operation, causationId, correlationId, replyTo, extras } = this.route;
    const address = isReplyTarget(replyTo) ? undefined : replyTo;
    const { failTo, headers, caller, bytes, scope, acceptedScope = scope } = extras ?? {};
    const again = { id: this.id, failTo, headers, caller, bytes, acceptedScope };
    return new Route(operation, causationId, correlationId, address, undefined, again);
  }

  /** The same message with another route. */
  withRoute(route: Route): Envelope {
    return new Envelope(route, this.key, this.id, this.value);
  }

  /** Receiver and operation, for error messages: `order/ada add`. */
  toString(): string {
    return nameOf(this.operation, this.key);
  }
}

/** Receiver and operation of a message, for error messages: `order/ada add`. */
export function nameOf(operation: Pick<Operation, "protocol" | "name">, key: string): string {
  return `${operation.protocol}/${key} ${operation.name}`;
}

/** The operation at an address of which only the names are known: its receiver checks the payload. */
export function namedOperation({ protocol, operation: name }: Address): Operation {
  return { protocol, name, mode: "tell", slot: -1, payload: undefined, unchecked: true };
}
