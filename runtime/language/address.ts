import { PosthornError } from "../base/errors.ts";
import type { Frozen } from "./frozen.ts";
import type { Later } from "./later.ts";
import type { InputOf, Operation, ReplyOf, ReplyOutputOf } from "./protocol.ts";
import type { IsNothing } from "./something.ts";
import type { Ticket } from "./ticket.ts";
import type { DelayOptions } from "./when.ts";

/** The identity of an actor: the name of its protocol and its key. */
export interface ActorId {
  /** The name of the protocol. */
  readonly protocol: string;
  /** The key of the actor within its protocol. */
  readonly key: string;
}

/**
 * The address of one operation of one actor, for example the return address of a reply. Plain data, so it can
 * be part of a message or of a stored state. `Input` is the payload that it accepts, `Reply` the reply of its
 * operation.
 *
 * @example
 * ```ts
 * import { type Address, System } from "@posthorn/posthorn";
 *
 * const address: Address<number> = { protocol: "counter", key: "main", operation: "add" };
 * ```
 */
export interface Address<in Input = never, out Reply = unknown> extends ActorId {
  /** The name of the operation. */
  readonly operation: string;
  /** Exists only for the compiler. */
  readonly "~types"?: (input: Input) => Reply;
}

/** The payload type that an address accepts. */
export type AcceptedBy<To> = To extends Address<infer I, infer _R> ? I : never;

/**
 * The arguments of a send after the operation: the payload, if the operation has one, then the options.
 * Without a payload the options come first.
 */
export type Arguments<Input, Options> = 0 extends 1 & Input ? [payload?: Input, options?: Options]
  : true extends IsNothing<Input> ? [options?: Options]
  : undefined extends Input ? [payload?: Input | Frozen<Input>, options?: Options]
  : [payload: Input | Frozen<Input>, options?: Options];

/** A payload and nothing behind it: an address does not know its operation. */
export type Payload<Input> = 0 extends 1 & Input ? [payload?: Input]
  : true extends IsNothing<Input> ? []
  : undefined extends Input ? [payload?: Input | Frozen<Input>]
  : [payload: Input | Frozen<Input>];

/** Options of every send. */
export interface SendOptions {
  /**
   * Names the message, with 1 to 255 visible characters of ASCII, but not its reply, whose name nobody can guess. The same id
   * again, from the same caller to the same operation of the same actor, is answered as the first was, within a bounded
   * window. Without it the message gets a name of its own.
   */
  readonly id?: string;
  /**
   * The message is not started later than this, in milliseconds above 0, counted from the time when a delayed message is
   * due. For an ask the default is the system's; its time is never up too early, and at most a slice of the scheduler
   * late.
   */
  readonly timeoutMs?: number;
  /**
   * Travels with the message and with all that its turn sends; the runtime does not read it. A plain object of strings, of
   * which a copy is taken: at most 64, and 8 KiB of names and values. The send rejects with the code `invalid-headers` or
   * `too-large` otherwise.
   */
  readonly headers?: Readonly<Record<string, string>>;
}

/** Options of a tell, from outside a turn or within one. */
export type TellOptions = SendOptions & DelayOptions;

/** Options of a submit, from outside a turn or within one. */
export interface SubmitOptions<Reply> extends SendOptions {
  /**
   * The address that receives the reply; without it the reply is kept for collection. The turn that handles
   * the reply sees the id of the submit as `causationId`. Or a {@linkcode Later}, which the reply answers; so
   * does a failure if there is no `failTo`.
   */
  readonly replyTo?: Address<Reply> | Later<Reply>;
  /** The address that receives a {@linkcode Failure} if there will be no reply, or a later, which it answers. */
  readonly failTo?: Address<{ id: string; code: string; message: string }> | Later;
}

/** Options of an ask. */
export interface AskOptions extends SendOptions {
  /**
   * Stops waiting for the reply: the ask rejects with the signal's reason. A turn that has started continues,
   * and the signal of its context aborts as a hint. If another process on the store runs it (`peers`), it cannot commit.
   */
  readonly signal?: AbortSignal;
}

/**
 * A typed handle to one actor. It is cheap to create and never becomes stale, and the actor need not exist:
 * the first message activates it.
 *
 * Await every send: an unhandled rejection ends the process. Options are the last argument of a send, and the only one
 * behind an operation without a payload: `ref.ask(Order.total, { timeoutMs: 500 })`. A send rejects with a `TypeError`
 * if something stands in front of them there.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { actor, ask, protocol, System, tell } from "@posthorn/posthorn";
 * import * as z from "zod";
 *
 * const Counter = protocol("counter", { add: tell(z.number()), read: ask(z.number()) });
 * const counter = actor(Counter, {
 *   state: () => 0,
 *   on: { add: (ctx, n) => { ctx.state += n; }, read: (ctx) => ctx.state },
 * });
 *
 * await using system = new System({ actors: [counter] });
 * const main = system.ref(Counter, "main");
 * await main.tell(Counter.add, 2);
 * assert(await main.ask(Counter.read) === 2);
 * ```
 */
export interface Ref<in out Name extends string> extends ActorId {
  /** The name of its protocol. */
  readonly protocol: Name;

  /**
   * Sends a notification. Resolves when it is accepted: in memory when it is in the mailbox, with a store
   * when it is committed. Messages are handled in the order of sending, in memory at most once. Rejects, with
   * nothing accepted, with {@linkcode InvalidPayloadError}, {@linkcode MailboxFullError},
   * {@linkcode LimitExceededError}, {@linkcode NotFoundError}, {@linkcode IdConflictError},
   * {@linkcode StoppedError} or {@linkcode TooLargeError}; with a {@linkcode PosthornError} if the id or the headers are
   * invalid, or the store cannot keep the payload (`not-storable`); with a {@linkcode StoreError} if the store does not
   * take it; and with a `RangeError` if an option is out of its bounds. With an {@linkcode OutcomeUnknownError} nobody
   * knows whether it was accepted: the same `id` again takes effect once.
   *
   * With a delay (`afterMs` or `at`) the message is accepted now, and takes its place in the mailbox when it is due. It
   * cannot be taken back: use a submit or a schedule for that.
   */
  tell<Op extends Operation<"tell", Name>>(
    operation: Op,
    ...args: Arguments<InputOf<Op>, TellOptions>
  ): Promise<void>;

  /**
   * Sends a request and waits for the reply, for at most `timeoutMs` (the system's default is 5 s). Rejects
   * as {@linkcode Ref.tell} does; with the handler's {@linkcode TerminalError}; at once with
   * {@linkcode DeadLetterError} if the handler failed or the message will not be handled; with
   * {@linkcode DeadlineExceededError} if the reply is not there in time. The runtime never retries a request:
   * its caller decides. A request to an actor that another process hosts (`peers`) waits in the store, and is
   * not begun after its time.
   */
  ask<Op extends Operation<"ask", Name>>(
    operation: Op,
    ...args: Arguments<InputOf<Op>, AskOptions>
  ): Promise<ReplyOutputOf<Op>>;

  /**
   * Sends a request whose reply comes later. Resolves with a ticket when the request is accepted; the reply
   * is kept for collection, or sent to `replyTo`. Rejects as {@linkcode Ref.tell} does, and with
   * {@linkcode LimitExceededError} if too many replies are pending.
   */
  submit<Op extends Operation<"submit", Name>>(
    operation: Op,
    ...args: Arguments<InputOf<Op>, SubmitOptions<ReplyOf<Op>> & DelayOptions>
  ): Promise<Ticket<ReplyOutputOf<Op>>>;

  /**
   * Returns the address of one operation of this actor, for `replyTo`, `failTo`, subscriptions and schedules.
   */
  at<I, O, R, S>(
    operation: Operation<"tell" | "ask" | "submit" | "survey", Name, I, O, R, S>,
  ): Address<I, R>;
}

const keyBytesMax = 512;
// deno-lint-ignore no-control-regex -- control characters are what it looks for
const controlCharacter = /[\u0000-\u001f\u007f-\u009f]/;

/**
 * The reason why a text cannot be part of a store key, or `undefined` if it can: it must be 1 to 512 bytes of
 * UTF-8 without control characters.
 */
export function faultOfName(text: string): string | undefined {
  return typeof text !== "string"
    ? `it is no text, but of type ${typeof text}`
    : text === ""
    ? "it is empty"
    : controlCharacter.test(text)
    ? "it has a control character"
    : text.length * 3 > keyBytesMax && new TextEncoder().encode(text).length > keyBytesMax
    ? `it takes ${new TextEncoder().encode(text).length} of ${keyBytesMax} bytes`
    : !text.isWellFormed()
    ? "it is no well-formed text"
    : undefined;
}

/**
 * Throws a `PosthornError` (`invalid-key`) unless `key` is a valid key of an actor: 1 to 512 bytes of UTF-8
 * without control characters, not `.` or `..`.
 */
export function requireKey(protocol: string, key: string): void {
  const why = key === "." || key === ".." ? "it is a relative path" : faultOfName(key);
  if (why !== undefined) {
    throw new PosthornError("invalid-key", `Cannot name an actor of ${protocol} by this key: ${why}`);
  }
}
