import type { ContextOf, SubmitContextOf } from "./context.ts";
import { didYouMean } from "../base/did_you_mean.ts";
import { type OptionNames, requireKnownOptions } from "../base/option_names.ts";
import { requireDuration, requireFunction, requireInteger, requireOneOf } from "../base/require.ts";
import { type HandlerLimits, requireHandlerLimits } from "./handler_limits.ts";
import type { Frozen } from "./frozen.ts";
import type { Later } from "./later.ts";
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
import { nameOfProtocol } from "./protocol_name.ts";
import type { TypedState } from "./typed_state.ts";

/**
 * The overflow policy of a mailbox: what happens if a message from outside arrives while the mailbox is full.
 */
export type Overflow = "reject" | "drop-oldest" | "drop-newest";

/** Options of an actor's mailbox. */
export interface MailboxOptions {
  /**
   * The maximum number of waiting messages, at least 1. Messages that turns send may fill the mailbox to ten
   * times the capacity; past that they become dead letters.
   *
   * @default {1_000}
   */
  readonly capacity?: number;
  /**
   * The maximum number of bytes of waiting messages from outside, at least 1. Only messages of known size
   * count: those that came over HTTP and are larger than a kilobyte, and all that wait in a store. Messages
   * that a program sends within its process count by number only. An empty mailbox accepts one message of any
   * size.
   *
   * @default {16_777_216}
   */
  readonly bytes?: number;
  /**
   * The overflow policy: `reject` refuses the new message with a {@linkcode MailboxFullError}; `drop-oldest`
   * makes the oldest waiting message a dead letter, `drop-newest` the new one.
   *
   * @default {"reject"}
   */
  readonly overflow?: Overflow;
}

/**
 * If and when a message is retried after its turn failed. An ask is never retried: it rejects at once, and
 * its caller decides.
 */
export interface RetryOptions {
  /**
   * The maximum number of attempts for a message, at least 1. If the last one fails, the message becomes a
   * dead letter.
   *
   * @default {8}
   */
  readonly attempts?: number;
  /**
   * The backoff before the second attempt, in milliseconds above 0. It doubles with each attempt; the actual
   * delay is a random part of it, at least half.
   *
   * @default {500}
   */
  readonly baseMs?: number;
  /**
   * The maximum backoff, in milliseconds above 0.
   *
   * @default {60_000}
   */
  readonly maxMs?: number;
  /**
   * `hold`: the failed message keeps its position, and the mailbox waits for its retry. `aside`: the messages
   * behind it are handled first, and the retry follows them, so the message loses its position. At most as
   * many messages as the mailbox's capacity can be set aside at a time; the next one to fail holds. Messages
   * set aside do not count against the capacity.
   *
   * @default {"hold"}
   */
  readonly order?: "hold" | "aside";
}

/**
 * The supervision strategy after a failed turn: `resume` continues with the current state; `restart` discards
 * the state in memory and activates the actor again from its last committed state (a transient actor, which
 * commits nothing, from its initial state); `stop` passivates the actor and makes all its waiting messages
 * dead letters; `escalate` does the same and stops the system.
 */
export type OnFailure = "resume" | "restart" | "stop" | "escalate";

/**
 * The limit of restarts. If an actor exceeds it, the actor is stopped as with `stop`. An actor that has not
 * committed a turn yet leaves memory after a failure, and its count of restarts is lost with it.
 */
export interface RestartLimit {
  /**
   * The maximum number of restarts within any window, at least 0.
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

/**
 * The handler of one operation: it receives the context and the payload, and returns the reply if the
 * operation has one.
 */
export type HandlerOf<Op, Name extends string, State, Transient extends boolean> = Op extends
  Tell<infer _I, infer O> ? (ctx: ContextOf<Name, State, Transient>, payload: O) => void | Promise<void>
  : Op extends Ask<infer _I, infer R, infer O, infer _S> ? Answering<ContextOf<Name, State, Transient>, O, R>
  : Op extends Submit<infer _I, infer R, infer O, infer _S>
    ? Answering<SubmitContextOf<Name, State, Transient, R>, O, R | Later<R>>
  : Op extends Survey<infer _I, infer R, infer O, infer _S>
    ? Answering<ContextOf<Name, State, Transient>, O, R | undefined>
  : never;

/** A handler that returns a reply, or a promise of one. */
export type Answering<C, O, R> = (ctx: C, payload: O) => R | Frozen<R> | Promise<R | Frozen<R>>;

/** One handler for each operation of a protocol, except for events. */
export type Handlers<Name extends string, Ops, State, Transient extends boolean = false> = {
  readonly [K in keyof Ops as Ops[K] extends Operation<"event", ""> ? never : K]: HandlerOf<
    Ops[K],
    Name,
    State,
    Transient
  >;
};

/** Options of {@linkcode actor}: initial state, handlers, and settings. */
export interface ActorOptions<Name extends string, Ops, State, Transient extends boolean = false>
  extends HandlerLimits {
  /**
   * Returns the initial state of an actor: plain data, which handlers replace and never change in place. If
   * it throws, the message fails as if its handler had thrown, and `system.health` names the actor.
   */
  readonly state: () => State;
  /**
   * One handler for each operation. The runtime awaits a handler only if it returns a promise. A payload is
   * shared with other attempts and other subscribers: never change it.
   */
  readonly on: Handlers<Name, Ops, State, Transient>;
  /**
   * Whether the actor is transient: never stored, even if the system has a store. Only a transient actor can
   * ask within a turn.
   *
   * @default {false}
   */
  readonly transient?: Transient;
  /** The bounds of the mailbox. */
  readonly mailbox?: MailboxOptions;
  /** If and when a failed message is retried. */
  readonly retry?: RetryOptions;
  /**
   * The supervision strategy after a failed turn.
   *
   * @default {"restart"}
   */
  readonly onFailure?: OnFailure;
  /** The limit of restarts. */
  readonly limit?: RestartLimit;
  /**
   * How long an actor without messages stays in memory, in milliseconds above 0; with `Infinity` it stays
   * until the system stops.
   *
   * @default {60_000}
   */
  readonly idleMs?: number;
  /**
   * What happens to the state when the actor is passivated: `keep` keeps it for the next activation, `drop`
   * discards it. The default of a transient actor is `drop`.
   *
   * @default {"keep"}
   */
  readonly onIdle?: "keep" | "drop";
  /**
   * The schema version of the state, from 0. Raise it when the shape of the state changes. It is stored with
   * the state: an older state is passed to `migrate`; a newer one is left unchanged for the newer program
   * that wrote it.
   *
   * @default {0}
   */
  readonly stateVersion?: number;
  /**
   * Converts a stored state of an older version to this version. Without it an older state is used unchanged.
   * If it throws, or returns a promise, the message fails as if its handler had thrown, and the stored state is
   * unchanged.
   */
  readonly migrate?: (state: unknown, fromVersion: number) => State;
}

const actorNames: OptionNames<ActorOptions<string, unknown, unknown>> = {
  concurrency: true,
  idleMs: true,
  limit: true,
  mailbox: true,
  migrate: true,
  on: true,
  onFailure: true,
  onIdle: true,
  retry: true,
  state: true,
  stateVersion: true,
  transient: true,
  turnMs: true,
};

const mailboxNames: OptionNames<MailboxOptions> = {
  bytes: true,
  capacity: true,
  overflow: true,
};

const retryNames: OptionNames<RetryOptions> = {
  attempts: true,
  baseMs: true,
  maxMs: true,
  order: true,
};

const limitNames: OptionNames<RestartLimit> = {
  restarts: true,
  windowMs: true,
};

/** A handler as the runtime calls it, without its types. */
export type Handler = (context: unknown, payload: unknown) => unknown;

/**
 * A protocol bound to initial state and handlers, with a value for every option. Made by {@linkcode actor}.
 */
export interface Actor<Name extends string = string, State = unknown> {
  /** The name of its protocol. */
  readonly name: Name;
  /** The operations of its protocol, by name. */
  readonly operations: Readonly<Record<string, Operation>>;
  /** The initial state. */
  readonly state: () => State;
  /** The handlers, each at the slot of its operation. Events have none. */
  readonly handlers: readonly (Handler | undefined)[];
  /** Whether the actor is transient: never stored. */
  readonly transient: boolean;
  /** The bounds of the mailbox. */
  readonly mailbox: Required<MailboxOptions>;
  /** If and when a failed message is retried. */
  readonly retry: Required<RetryOptions>;
  /** The supervision strategy after a failed turn. */
  readonly onFailure: OnFailure;
  /** The limit of restarts. */
  readonly limit: Required<RestartLimit>;
  /** The time limit of a handler that returns a promise, in milliseconds; absent if it has none. */
  readonly turnMs: number | undefined;
  /** How many handlers are awaited at a time in one process; absent if any number is. */
  readonly concurrency: number | undefined;
  /** How long an actor without messages stays in memory, in milliseconds. */
  readonly idleMs: number;
  /** What happens to the state when the actor is passivated. */
  readonly onIdle: "keep" | "drop";
  /** The schema version of the state. */
  readonly stateVersion: number;
  /** Converts a state of an older version to this version. */
  readonly migrate: (state: unknown, fromVersion: number) => State;
}

/**
 * Binds a protocol to initial state and handlers. One definition serves any number of actors, one for each
 * key.
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
 * @param protocol the operations that the actor handles
 * @param options initial state, handlers, and settings of mailbox, retries, supervision and passivation
 * @returns a definition for the `actors` of a {@linkcode System}
 * @throws {TypeError} if the state or a handler is missing, or an option or a handler is given that does not exist
 * @throws {RangeError} if an option is out of its bounds
 */
export function actor<
  Name extends string,
  Ops extends Operations,
  State,
  Transient extends boolean = false,
>(
  protocol: NamedProtocol<Name, Ops>,
  options: ActorOptions<NoInfer<Name>, NoInfer<Ops>, State, Transient> & TypedState<State>,
): Actor<Name, State> {
  const name = nameOfProtocol(protocol);
  const operations = operationsOf(protocol);
  requireKnownOptions(name, options, actorNames);
  requireKnownOptions(name, options.mailbox, mailboxNames, "mailbox");
  requireKnownOptions(name, options.retry, retryNames, "retry");
  requireKnownOptions(name, options.limit, limitNames, "limit");
  requireKnownHandlers(name, operations, options.on);
  requireFunction(`state of ${name}`, options.state);
  if (options.migrate !== undefined) requireFunction(`migrate of ${name}`, options.migrate);
  const transient: boolean = options.transient ?? false;
  const { capacity = 1_000, bytes = 16_777_216, overflow = "reject" } = options.mailbox ?? {};
  const { attempts = 8, baseMs = 500, maxMs = 60_000, order = "hold" } = options.retry ?? {};
  const { restarts = 1_000, windowMs = 60_000 } = options.limit ?? {};
  const { onFailure = "restart", idleMs = 60_000, onIdle = transient ? "drop" : "keep" } = options;
  const { turnMs, concurrency } = options;
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
  requireHandlerLimits(name, options);
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
    turnMs,
    concurrency,
    idleMs,
    onIdle,
    stateVersion,
    migrate,
  });
}

/** Throws a `TypeError` if there are no handlers, or one for something else than an operation of the protocol. */
function requireKnownHandlers(
  protocol: string,
  operations: Readonly<Record<string, Operation>>,
  handlers: object,
): void {
  if (typeof handlers !== "object" || handlers === null) {
    throw new TypeError(`Cannot make an actor of ${protocol}: on must be an object with its handlers`);
  }
  const handled = Object.values(operations).filter(({ mode }) => mode !== "event").map(({ name }) => name);
  const unknown = Object.keys(handlers).find((name) => !handled.includes(name));
  if (unknown === undefined) return;
  const why = operations[unknown]?.mode === "event"
    ? `${unknown} is an event, which is published and not handled`
    : `it has a handler for ${unknown}, which is no operation of it${didYouMean(unknown, handled)}`;
  throw new TypeError(`Cannot make an actor of ${protocol}: ${why}`);
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
