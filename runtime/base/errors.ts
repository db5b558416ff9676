import { guarded } from "./guarded.ts";
import { type Issue, shortIssues } from "./issues.ts";

export type { Issue } from "./issues.ts";

/**
 * The base class of all errors of this runtime. `code` is stable: match on it, never on the message. It is also the
 * `code` of the problem document (RFC 9457) with which an ingress responds. These codes have no class of their own:
 * `invalid-key`, `invalid-address` (not an operation of an actor that can exist), `invalid-headers` (not a plain object
 * of strings), `invalid-id`, `invalid-caller`, `invalid-subject`, `invalid-after` (not a position that a system
 * returned, or one too far ahead of the clock), `newer-state` (a newer program has written the actor; HTTP 503),
 * `not-storable` (not plain data, and a store keeps nothing else; HTTP 422), `turn-over` (a handler used its context
 * after its turn), `not-transient` (a durable actor asked in its turn).
 *
 * @example
 * ```ts
 * import { PosthornError } from "@posthorn/posthorn";
 *
 * function mayTryLater(error: unknown): boolean {
 *   return error instanceof PosthornError && error.code === "mailbox-full";
 * }
 * ```
 */
export class PosthornError extends Error {
  /** The name of this class. */
  override readonly name: string = "PosthornError";
  /** The stable name of this kind of failure, in kebab case. */
  readonly code: string;
  /** The id of the message that failed, if it is known. An error with which a ticket rejects has it. */
  id?: string;

  /** Creates an error with a stable code. */
  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/**
 * The schema rejects a payload or a reply, which had no effect. Code `invalid-payload`, HTTP 400.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { InvalidPayloadError } from "@posthorn/posthorn";
 *
 * const error = new InvalidPayloadError("Cannot accept order.add", [{ message: "Expected number", path: ["cents"] }]);
 * assert(error.code === "invalid-payload" && error.issues[0].path[0] === "cents");
 * ```
 */
export class InvalidPayloadError extends PosthornError {
  /** The name of this class. */
  override readonly name = "InvalidPayloadError";
  /** The problems that the schema found: the first 20, each message cut to 200 characters. */
  readonly issues: readonly Issue[];
  /** The number of all problems. */
  readonly issuesTotal: number;

  /**
   * Creates the error from the issues of the schema. The message contains the first one. Pass `issuesTotal` if
   * `issues` does not contain all of them.
   */
  constructor(what: string, issues: readonly Issue[], issuesTotal: number = issues.length) {
    const kept = shortIssues(issues);
    const first = kept[0];
    const where = first === undefined || first.path.length === 0 ? "" : ` at ${first.path.join(".")}`;
    const others = issuesTotal > 1 ? ` (and ${issuesTotal - 1} more)` : "";
    super("invalid-payload", `${what}: ${first?.message ?? "the schema refuses it"}${where}${others}`);
    this.issues = kept;
    this.issuesTotal = issuesTotal;
  }
}

/**
 * An ask with the same id is still being handled. Nothing was accepted: repeat the ask to get the reply of the first.
 * Code `still-running`, HTTP 409.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { StillRunningError } from "@posthorn/posthorn";
 *
 * assert(new StillRunningError("Cannot ask order/ada total: the first is still running").code === "still-running");
 * ```
 */
export class StillRunningError extends PosthornError {
  /** The name of this class. */
  override readonly name = "StillRunningError";

  /** Creates the error for a repeat that came too early. */
  constructor(message: string) {
    super("still-running", message);
  }
}

/**
 * The mailbox of the receiver is full. Nothing was accepted: try again later. Code `mailbox-full`, HTTP 429 with
 * `Retry-After`.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { MailboxFullError } from "@posthorn/posthorn";
 *
 * const error = new MailboxFullError("order/ada", 1000, 1000);
 * assert(error.message === "Cannot deliver to order/ada: its mailbox holds 1000 of 1000 messages");
 * ```
 */
export class MailboxFullError extends PosthornError {
  /** The name of this class. */
  override readonly name = "MailboxFullError";
  /** The maximum number of messages, or of bytes, in the mailbox. */
  readonly capacity: number;

  /** Creates the error from the receiver, what waits in its mailbox, and the capacity of that. */
  constructor(receiver: string, waiting: number, capacity: number, what: "messages" | "bytes" = "messages") {
    super(
      "mailbox-full",
      `Cannot deliver to ${receiver}: its mailbox holds ${waiting} of ${capacity} ${what}`,
    );
    this.capacity = capacity;
  }
}

/**
 * A limit of the system is reached. Nothing was accepted: try again later. The code names the limit:
 * `too-many-actors`, `too-many-replies` or `outbox-full` (HTTP 429). With `too-many-schedules` the turn that set one more
 * fails.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { LimitExceededError } from "@posthorn/posthorn";
 *
 * const error = new LimitExceededError("too-many-actors", "Cannot activate order/ada: the system holds 10 of 10 actors");
 * assert(error.code === "too-many-actors");
 * ```
 */
export class LimitExceededError extends PosthornError {
  /** The name of this class. */
  override readonly name = "LimitExceededError";
}

/**
 * There was no reply before the deadline, or the message was not handled by then. A turn that had started may still
 * take effect. Code `deadline`, HTTP 504.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { DeadlineExceededError } from "@posthorn/posthorn";
 *
 * assert(new DeadlineExceededError("Cannot ask order/ada total: no answer in 500 ms").code === "deadline");
 * ```
 */
export class DeadlineExceededError extends PosthornError {
  /** The name of this class. */
  override readonly name: string = "DeadlineExceededError";

  /** Creates the error; the message says what was waited for, and for how long. */
  constructor(message: string) {
    super("deadline", message);
  }
}

/**
 * The reply of a submit did not come in the time for which its caller waited. It may still come, and can then be
 * collected. Code `deadline`; over HTTP it is the status 202, and not a failure.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { DeadlineExceededError, ReplyPendingError } from "@posthorn/posthorn";
 *
 * assert(new ReplyPendingError("Cannot collect the reply 7: it is pending") instanceof DeadlineExceededError);
 * ```
 */
export class ReplyPendingError extends DeadlineExceededError {
  /** The name of this class. */
  override readonly name = "ReplyPendingError";
}

/**
 * The system is stopping or has stopped, and accepts nothing. Code `stopping`, HTTP 503.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { StoppedError } from "@posthorn/posthorn";
 *
 * assert(new StoppedError("Cannot deliver to order/ada: the system is stopping").code === "stopping");
 * ```
 */
export class StoppedError extends PosthornError {
  /** The name of this class. */
  override readonly name = "StoppedError";

  /** Creates the error; the message says what could not be done. */
  constructor(message: string) {
    super("stopping", message);
  }
}

/**
 * There is no such protocol, operation, reply or dead letter. Code `unknown-protocol`, `unknown-operation`,
 * `unknown-reply` or `unknown-dead-letter`, HTTP 404; `expired-reply`, HTTP 410; `no-receiver` if no service receives what
 * was sent, HTTP 503.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { NotFoundError } from "@posthorn/posthorn";
 *
 * const error = new NotFoundError("unknown-protocol", "Cannot deliver to order/ada: this system hosts no actor for order");
 * assert(error.code === "unknown-protocol");
 * ```
 */
export class NotFoundError extends PosthornError {
  /** The name of this class. */
  override readonly name = "NotFoundError";
}

/**
 * A message was accepted and will not be handled, or its handler failed. The caller that waits for the reply gets this
 * error at once. The code is the reason of the dead letter: `failed`, `deadline`, `dropped`, `stopping`, …
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { DeadLetterError } from "@posthorn/posthorn";
 *
 * assert(new DeadLetterError("dropped", "order/ada add was evicted for a newer message").code === "dropped");
 * ```
 */
export class DeadLetterError extends PosthornError {
  /** The name of this class. */
  override readonly name = "DeadLetterError";
}

/**
 * A handler did not settle within the `turnMs` of its actor. Its turn failed and had no effect. It is the reason of
 * `ctx.signal`, and what `onFailure` and the log get; callers get a {@linkcode DeadLetterError} with the same code. Code
 * `turn-timeout`, HTTP 500.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { TurnTimeoutError } from "@posthorn/posthorn";
 *
 * assert(new TurnTimeoutError("order/ada charge", 30_000).message.endsWith("within turnMs: 30000 ms"));
 * ```
 */
export class TurnTimeoutError extends PosthornError {
  /** The name of this class. */
  override readonly name = "TurnTimeoutError";

  /** Creates the error from the receiver and operation of the message, and the limit. */
  constructor(turn: string, turnMs: number) {
    super("turn-timeout", `Cannot wait for ${turn}: its handler did not settle within turnMs: ${turnMs} ms`);
  }
}

/**
 * An ask would wait for itself. It fails at once, and the message names every actor of the cycle. Code `cycle`,
 * HTTP 500.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { DeadlockError } from "@posthorn/posthorn";
 *
 * const error = new DeadlockError(["search/a", "search/b", "search/a"]);
 * assert(error.message.endsWith("search/a → search/b → search/a"));
 * ```
 */
export class DeadlockError extends PosthornError {
  /** The name of this class. */
  override readonly name = "DeadlockError";
  /** The actors of the cycle in the order of asking; first and last are the same. */
  readonly chain: readonly string[];

  /** Creates the error from the actors of the cycle, in the order of asking. */
  constructor(chain: readonly string[]) {
    super("cycle", `Cannot ask ${chain[1]}: the answer would wait for itself: ${chain.join(" → ")}`);
    this.chain = chain;
  }
}

/**
 * An earlier message with this id had another payload. Nothing was accepted. Code `id-reused`, HTTP 422.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { IdConflictError } from "@posthorn/posthorn";
 *
 * assert(new IdConflictError("Cannot accept order/ada add: id 7 came with another payload").code === "id-reused");
 * ```
 */
export class IdConflictError extends PosthornError {
  /** The name of this class. */
  override readonly name = "IdConflictError";

  /** Creates the error; the message says what could not be accepted, and why. */
  constructor(message: string, options?: ErrorOptions) {
    super("id-reused", message, options);
  }
}

/** Options of {@linkcode TerminalError}. */
export interface TerminalErrorOptions extends ErrorOptions {
  /**
   * The code that callers match on, in kebab case. Do not use a code of the runtime (`failed`, `deadline`,
   * `stopping`, …): callers could not tell the two apart.
   *
   * @default {"terminal"}
   */
  readonly code?: string;
}

/**
 * A handler throws it if its message can never succeed. The turn has no effect, the message is not retried and becomes
 * a dead letter, and the caller that waits for the reply gets this message and code at once, over HTTP with the status
 * 422. The actor is not restarted.
 *
 * @example
 * ```ts
 * import { TerminalError } from "@posthorn/posthorn";
 *
 * function charge(cents: number): void {
 *   if (cents < 0) throw new TerminalError("Cannot charge less than nothing", { code: "negative-amount" });
 * }
 * ```
 */
export class TerminalError extends PosthornError {
  /** The name of this class. */
  override readonly name = "TerminalError";

  /** Creates the error; callers see the message. */
  constructor(message: string, options?: TerminalErrorOptions) {
    super(options?.code ?? "terminal", message, options);
  }
}

/** Options of {@linkcode RetryableError}. */
export interface RetryableErrorOptions extends ErrorOptions {
  /** How long to wait before the next attempt, in milliseconds: a finite number of at least 0. */
  readonly afterMs: number;
}

/**
 * A handler throws it to have its message retried after a given delay, for example that of a `Retry-After` of an
 * external service. The delay replaces the backoff, and the attempt counts. The actor is not restarted. Code `retry`.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { RetryableError } from "@posthorn/posthorn";
 *
 * assert(new RetryableError("The bank is busy", { afterMs: 2_000 }).afterMs === 2_000);
 * ```
 */
export class RetryableError extends PosthornError {
  /** The name of this class. */
  override readonly name = "RetryableError";
  /** How long to wait before the next attempt, in milliseconds. */
  readonly afterMs: number;

  /** Creates the error. Throws a `RangeError` unless `afterMs` is a finite number of at least 0. */
  constructor(message: string, options: RetryableErrorOptions) {
    super("retry", message, options);
    if (!Number.isFinite(options.afterMs) || options.afterMs < 0) {
      throw new RangeError(
        `Cannot retry after afterMs: it must be a finite number of at least 0: current value is ${options.afterMs}`,
      );
    }
    this.afterMs = options.afterMs;
  }
}

/** The message of a thrown value of any type. */
export function messageOf(error: unknown): string {
  // An object may have no prototype, or a `toString` that throws.
  return guarded(() => String(error instanceof Error ? error.message : error), "something that has no words");
}
