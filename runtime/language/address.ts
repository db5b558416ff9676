import { PosthornError } from "../base/errors.ts";
import type { Frozen } from "./frozen.ts";
import type { InputOf, Operation, ReplyOf, ReplyOutputOf } from "./protocol.ts";
import type { Ticket } from "./ticket.ts";

/** One actor, by the name of its protocol and its key. */
export interface ActorId {
  /** The name of the protocol. */
  readonly protocol: string;
  /** The key of the actor within its protocol. */
  readonly key: string;
}

/**
 * A return address: one operation of one actor. Plain data, so it can stand in a message and in a store. `Input` is
 * what may be sent there, `Reply` what comes of it.
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
  /** Only the compiler knows this. */
  readonly "~types"?: (input: Input) => Reply;
}

/** What may be sent to an address. */
export type AcceptedBy<To> = To extends Address<infer I, infer _R> ? I : never;

/** The arguments of a send after the operation: a payload where there is one, then options. */
export type Arguments<Input, Options> = undefined extends Input
  ? [payload?: Input | Frozen<Input>, options?: Options]
  : [payload: Input | Frozen<Input>, options?: Options];

/** Options of every send. */
export interface SendOptions {
  /**
   * Names the message, at most 255 characters, but not its reply, which has a name that nobody can guess. The same id
   * again, from the same caller to the same operation of the same actor, is answered as the first was, within a bounded
   * window. Without it the message gets a name of its own.
   */
  readonly id?: string;
  /**
   * The message is not started later than this, in milliseconds above 0. For an ask the default is the system's; its
   * time is never up too early, and at most a slice of the scheduler late.
   */
  readonly timeoutMs?: number;
  /**
   * Travels with the message and with all that its turn sends; the runtime does not read it. A plain object of strings, of
   * which a copy is taken: at most 64, and 8 KiB of names and values. The send rejects with the code `invalid-headers` or
   * `too-large` otherwise.
   */
  readonly headers?: Readonly<Record<string, string>>;
}

/** Options of a submit from outside a turn, and of one within. */
export interface SubmitOptions<Reply> extends SendOptions {
  /** Where the reply goes; without it the reply waits to be collected. Its turn sees the submit's id as `causationId`. */
  readonly replyTo?: Address<Reply>;
  /** Where a {@linkcode Failure} goes when there will be no reply. */
  readonly failTo?: Address<{ id: string; code: string; message: string }>;
}

/** Options of an ask. */
export interface AskOptions extends SendOptions {
  /** Stops waiting for the reply: the ask rejects with the signal's reason. What was started goes on. */
  readonly signal?: AbortSignal;
}

/**
 * A typed handle to one actor, by key. It costs nothing to make, is never stale, and the actor need not exist: the
 * first message activates it.
 *
 * Await every send: an error that nobody awaits ends the process.
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
   * Sends a notification. Resolves when it is accepted: it is in the mailbox. Handled at most once, in the order of
   * sending. Rejects, with nothing accepted, with {@linkcode InvalidPayloadError}, {@linkcode MailboxFullError},
   * {@linkcode LimitExceededError}, {@linkcode NotFoundError}, {@linkcode IdConflictError} or {@linkcode StoppedError}.
   */
  tell<Op extends Operation<"tell", Name>>(
    operation: Op,
    ...args: Arguments<InputOf<Op>, SendOptions>
  ): Promise<void>;

  /**
   * Sends a request and waits for the reply, up to `timeoutMs` (the system's default is 5 s). Rejects as
   * {@linkcode Ref.tell} does; with the handler's {@linkcode TerminalError}; with {@linkcode DeadLetterError} at
   * once when the handler failed or the message will not be handled; with {@linkcode DeadlineExceededError}. A request
   * is never tried again by the runtime: its caller is there to decide.
   */
  ask<Op extends Operation<"ask", Name>>(
    operation: Op,
    ...args: Arguments<InputOf<Op>, AskOptions>
  ): Promise<ReplyOutputOf<Op>>;

  /**
   * Sends a request whose reply comes later. Resolves with a ticket when it is accepted; the reply then waits to be
   * collected, or goes to `replyTo`. Rejects as {@linkcode Ref.tell} does, and with {@linkcode LimitExceededError} when
   * too many replies wait.
   */
  submit<Op extends Operation<"submit", Name>>(
    operation: Op,
    ...args: Arguments<InputOf<Op>, SubmitOptions<ReplyOf<Op>>>
  ): Promise<Ticket<ReplyOutputOf<Op>>>;

  /** The address of one operation of this actor: for `replyTo`, `failTo`, subscriptions and schedules. */
  at<I, O, R, S>(
    operation: Operation<"tell" | "ask" | "submit" | "survey", Name, I, O, R, S>,
  ): Address<I, R>;
}

const keyBytesMax = 512;
// deno-lint-ignore no-control-regex -- control characters are what it looks for
const controlCharacter = /[\u0000-\u001f\u007f-\u009f]/;

/** Why a text may not stand in a key of a store: it must be 1 to 512 bytes of UTF-8 without control characters. */
export function faultOfName(text: string): string | undefined {
  return typeof text !== "string" || text === ""
    ? "it is empty"
    : controlCharacter.test(text)
    ? "it has a control character"
    : text.length * 3 > keyBytesMax && new TextEncoder().encode(text).length > keyBytesMax
    ? `it takes ${new TextEncoder().encode(text).length} of ${keyBytesMax} bytes`
    : !text.isWellFormed()
    ? "it is no well-formed text"
    : undefined;
}

/** Throws unless `key` may name an actor: 1 to 512 bytes of UTF-8, no control characters, not `.` or `..`. */
export function requireKey(protocol: string, key: string): void {
  const why = key === "." || key === ".." ? "it is a relative path" : faultOfName(key);
  if (why !== undefined) {
    throw new PosthornError("invalid-key", `Cannot name an actor of ${protocol} by this key: ${why}`);
  }
}
