import type { ContextOf } from "./context.ts";
import { requireDuration, requireInteger, requireOneOf } from "../base/errors.ts";
import type { Frozen } from "./frozen.ts";
import {
  type Ask,
  type NamedProtocol,
  type Operation,
  type Operations,
  operationsOf,
  type Submit,
  type Survey,
  type Tell,
} from "./protocol.ts";

/** What happens to a message that comes to a full mailbox from outside. */
export type Overflow = "reject" | "drop-oldest" | "drop-newest";

/** Options of an actor's mailbox. */
export interface MailboxOptions {
  /**
   * The most messages that may wait, at least 1. Messages that turns send have ten times the room: past that they
   * become dead letters.
   *
   * @default {1_000}
   */
  readonly capacity?: number;
  /**
   * The most bytes of messages from outside that may wait, at least 1, of those whose size is known: what came over HTTP
   * (where it is more than a kilobyte), and all that waits in a store. What a program sends within its process counts by
   * number. Where nothing waits, one message is taken in however large it is.
   *
   * @default {16_777_216}
   */
  readonly bytes?: number;
  /**
   * What gives way when it is full: `reject` refuses the message with a {@linkcode MailboxFullError}; `drop-oldest`
   * and `drop-newest` make a dead letter of the oldest waiting message or of the new one.
   *
   * @default {"reject"}
   */
  readonly overflow?: Overflow;
}

/** When a message whose turn failed is tried again. An ask is not: its caller is told at once, and decides. */
export interface RetryOptions {
  /**
   * How many attempts a message gets in all, at least 1. After the last it is a dead letter.
   *
   * @default {8}
   */
  readonly attempts?: number;
  /**
   * The backoff before the second attempt, in milliseconds above 0. It doubles each time; the wait is a random part
   * of it, at least half.
   *
   * @default {500}
   */
  readonly baseMs?: number;
  /**
   * The longest backoff, in milliseconds above 0.
   *
   * @default {60_000}
   */
  readonly maxMs?: number;
  /**
   * `hold`: the message keeps its place and the mailbox waits for it. `aside`: the others go on, and it comes back
   * after them; it gives up its order. When as many as the mailbox's capacity have stepped aside, the next one holds. They
   * take no room from those that wait.
   *
   * @default {"hold"}
   */
  readonly order?: "hold" | "aside";
}

/**
 * What becomes of an actor after a failed turn: `resume` goes on; `restart` drops what is in memory and activates
 * it again from its last committed state (a transient actor, which commits nothing, from its initial state); `stop`
 * passivates it and makes dead letters of all its mail; `escalate` does so and stops the system.
 */
export type OnFailure = "resume" | "restart" | "stop" | "escalate";

/**
 * How many restarts are too many. Past the limit the actor stops as with `stop`. An actor that has not committed a turn
 * yet does not stay after a failure, and its count goes with it.
 */
export interface RestartLimit {
  /**
   * The most restarts within any window, at least 0.
   *
   * @default {1_000}
   */
  readonly restarts?: number;
  /**
   * The length of the window, in milliseconds above 0.
   *
   * @default {60_000}
   */
  readonly windowMs?: number;
}

/** The handler of one operation: it gets the context and the payload, and returns the reply where there is one. */
export type HandlerOf<Op, Name extends string, State, Transient extends boolean> = Op extends
  Tell<infer _I, infer O> ? (ctx: ContextOf<Name, State, Transient>, payload: O) => void | Promise<void>
  : Op extends Ask<infer _I, infer R, infer O, infer _S> ? Answering<ContextOf<Name, State, Transient>, O, R>
  : Op extends Submit<infer _I, infer R, infer O, infer _S>
    ? Answering<ContextOf<Name, State, Transient>, O, R>
  : Op extends Survey<infer _I, infer R, infer O, infer _S>
    ? Answering<ContextOf<Name, State, Transient>, O, R | undefined>
  : never;

/** A handler that replies, at once or with a promise. */
export type Answering<C, O, R> = (ctx: C, payload: O) => R | Frozen<R> | Promise<R | Frozen<R>>;

/** One handler for each operation of a protocol that is not an event. */
export type Handlers<Name extends string, Ops, State, Transient extends boolean = false> = {
  readonly [K in keyof Ops as Ops[K] extends Operation<"event", ""> ? never : K]: HandlerOf<
    Ops[K],
    Name,
    State,
    Transient
  >;
};

/** What {@linkcode actor} takes: initial state and handlers, and plain data for all that is optional. */
export interface ActorOptions<Name extends string, Ops, State, Transient extends boolean = false> {
  /**
   * The initial state of an actor. Plain data; assigned, never changed in place. Where it throws, the message that was to
   * be handled fails as if its handler had, and `system.health` names the actor.
   */
  readonly state: () => State;
  /**
   * One handler for each operation. A handler that returns no promise is never awaited. A payload is shared with other
   * attempts and other subscribers: never change it.
   */
  readonly on: Handlers<Name, Ops, State, Transient>;
  /**
   * Never stored, even where there is a store; and may ask within a turn.
   *
   * @default {false}
   */
  readonly transient?: Transient;
  /** The bound of the mailbox. */
  readonly mailbox?: MailboxOptions;
  /** When a failed message is tried again. */
  readonly retry?: RetryOptions;
  /**
   * What becomes of the actor after a failed turn.
   *
   * @default {"restart"}
   */
  readonly onFailure?: OnFailure;
  /** How many restarts are too many. */
  readonly limit?: RestartLimit;
  /**
   * How long an actor without messages stays in memory, in milliseconds above 0; `Infinity` for ever.
   *
   * @default {60_000}
   */
  readonly idleMs?: number;
  /**
   * What becomes of the state of an actor that passivates: `keep` it for the next activation, or `drop` it. A
   * transient actor drops it unless told otherwise.
   *
   * @default {"keep"}
   */
  readonly onIdle?: "keep" | "drop";
  /**
   * The version of the form of its state, from 0: raise it when the form changes. It is stored with the state; a state of
   * an older version goes through `migrate`, and one of a newer is left to the newer program that wrote it.
   *
   * @default {0}
   */
  readonly stateVersion?: number;
  /**
   * Makes a state of this version from a stored one of an older version. Without it an older state is used as it is. Where
   * it throws, the message that was to be handled fails as if its handler had, and the stored state stays as it is.
   */
  readonly migrate?: (state: unknown, fromVersion: number) => State;
}

/** A handler as the runtime calls it. */
export type Handler = (context: unknown, payload: unknown) => unknown;

/** A protocol bound to initial state and handlers, with every option filled in. Made by {@linkcode actor}. */
export interface Actor<Name extends string = string, State = unknown> {
  /** The name of its protocol. */
  readonly name: Name;
  /** The operations of its protocol, by name. */
  readonly operations: Readonly<Record<string, Operation>>;
  /** The initial state. */
  readonly state: () => State;
  /** The handlers, each at its operation's slot. An event has none. */
  readonly handlers: readonly (Handler | undefined)[];
  /** Whether it is never stored. */
  readonly transient: boolean;
  /** The bound of the mailbox. */
  readonly mailbox: Required<MailboxOptions>;
  /** When a failed message is tried again. */
  readonly retry: Required<RetryOptions>;
  /** What becomes of it after a failed turn. */
  readonly onFailure: OnFailure;
  /** How many restarts are too many. */
  readonly limit: Required<RestartLimit>;
  /** How long it stays in memory without messages. */
  readonly idleMs: number;
  /** What becomes of its state when it passivates. */
  readonly onIdle: "keep" | "drop";
  /** The version of the form of its state. */
  readonly stateVersion: number;
  /** Makes a state of this version from an older one. */
  readonly migrate: (state: unknown, fromVersion: number) => State;
}

/**
 * Binds a protocol to initial state and handlers. One definition serves any number of actors, one for each key.
 *
 * @example
 * ```ts
 * import { actor, ask, protocol, tell } from "@posthorn/posthorn";
 * import * as z from "zod";
 *
 * const Cart = protocol("cart", { add: tell(z.string()), items: ask(z.array(z.string())) });
 *
 * export const cart = actor(Cart, {
 *   state: (): { items: string[] } => ({ items: [] }),
 *   on: {
 *     add: (ctx, item) => {
 *       ctx.state = { items: [...ctx.state.items, item] };
 *     },
 *     items: (ctx) => ctx.state.items,
 *   },
 *   retry: { attempts: 3 },
 * });
 * ```
 *
 * @param protocol what may be said to the actor
 * @param options its initial state, its handlers, and how it lives
 * @returns a definition to hand to {@linkcode System}
 * @throws {TypeError} when a handler is missing
 * @throws {RangeError} when an option is out of its bounds
 */
export function actor<
  Name extends string,
  Ops extends Operations,
  State,
  Transient extends boolean = false,
>(
  protocol: NamedProtocol<Name, Ops>,
  options: ActorOptions<NoInfer<Name>, NoInfer<Ops>, State, Transient>,
): Actor<Name, State> {
  const { name } = protocol["~protocol"];
  const operations = operationsOf(protocol);
  const transient: boolean = options.transient ?? false;
  const { capacity = 1_000, bytes = 16_777_216, overflow = "reject" } = options.mailbox ?? {};
  const { attempts = 8, baseMs = 500, maxMs = 60_000, order = "hold" } = options.retry ?? {};
  const { restarts = 1_000, windowMs = 60_000 } = options.limit ?? {};
  const { onFailure = "restart", idleMs = 60_000, onIdle = transient ? "drop" : "keep" } = options;
  const { stateVersion = 0, migrate = (state) => state as State } = options;
  requireInteger(`stateVersion of ${name}`, stateVersion, 0);
  requireOneOf(`mailbox.overflow of ${name}`, overflow, ["reject", "drop-oldest", "drop-newest"]);
  requireOneOf(`retry.order of ${name}`, order, ["hold", "aside"]);
  requireOneOf(`onFailure of ${name}`, onFailure, ["resume", "restart", "stop", "escalate"]);
  requireOneOf(`onIdle of ${name}`, onIdle, ["keep", "drop"]);
  requireInteger(`mailbox.capacity of ${name}`, capacity, 1);
  requireInteger(`mailbox.bytes of ${name}`, bytes, 1);
  requireInteger(`retry.attempts of ${name}`, attempts, 1);
  requireInteger(`limit.restarts of ${name}`, restarts, 0);
  requireDuration(`retry.baseMs of ${name}`, baseMs);
  requireDuration(`retry.maxMs of ${name}`, maxMs);
  requireDuration(`limit.windowMs of ${name}`, windowMs);
  requireDuration(`idleMs of ${name}`, idleMs);
  return Object.freeze({
    name,
    operations,
    state: options.state,
    handlers: Object.values(operations).map((operation) => handlerOf(operation, options.on)),
    transient,
    mailbox: { capacity, bytes, overflow },
    retry: { attempts, baseMs, maxMs, order },
    onFailure,
    limit: { restarts, windowMs },
    idleMs,
    onIdle,
    stateVersion,
    migrate,
  });
}

function handlerOf(operation: Operation, handlers: object): Handler | undefined {
  if (operation.mode === "event") return undefined;
  const handler = Object.hasOwn(handlers, operation.name)
    ? (handlers as Record<string, unknown>)[operation.name]
    : undefined;
  if (typeof handler !== "function") {
    throw new TypeError(
      `Cannot make an actor of ${operation.protocol}: it has no handler for ${operation.name}`,
    );
  }
  return handler as Handler;
}
