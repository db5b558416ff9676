import { guarded } from "./guarded.ts";
import { type Issue, shortIssues } from "./issues.ts";

export type { Issue } from "./issues.ts";

/**
 * What every error of this runtime is. `code` is stable: match on it, never on the message. It is also the `code` of
 * the problem document (RFC 9457) that an ingress answers with. What has no class of its own: `invalid-key`,
 * `invalid-address` (it names no operation of an actor that there could be), `invalid-headers` (no plain object of
 * strings), `invalid-id`, `invalid-after` (no place that a system gave, or one too far ahead of the clock),
 * `newer-state` (a newer program has written the actor: another instance answers for it; HTTP 503), `not-storable` (no
 * plain data, which is all that a store keeps; HTTP 422), `turn-over` (a handler went on after its turn),
 * `not-transient` (it asked and may not).
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
  /** The id of the message that failed, where that is known: what a ticket rejects with has it. */
  id?: string;

  /** Makes an error with a stable `code` beside its message. */
  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/**
 * A payload or a reply that its schema does not accept. Nothing was done with it. Code `invalid-payload`.
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
  /** What the schema said, one entry for each thing that is wrong: the first 20, with words cut to 200 characters. */
  readonly issues: readonly Issue[];
  /** How many there were. */
  readonly issuesTotal: number;

  /**
   * Makes the error from what the schema said; the first issue stands in the message. `issuesTotal` says how many there
   * were where not all are handed over.
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
 * An ask of the same id is still running: its answer will be this one's. Nothing was done with this one. Code
 * `still-running`, HTTP 409.
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

  /** Makes the error of a repeat that came too early. */
  constructor(message: string) {
    super("still-running", message);
  }
}

/**
 * The receiver's mailbox has no place. Nothing was accepted; try again later. Code `mailbox-full`, HTTP 429 with
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
  /** The most messages, or bytes, that the mailbox holds. */
  readonly capacity: number;

  /** Says whose mailbox is full, how many messages or bytes wait in it, and how many may. */
  constructor(receiver: string, waiting: number, capacity: number, what: "messages" | "bytes" = "messages") {
    super(
      "mailbox-full",
      `Cannot deliver to ${receiver}: its mailbox holds ${waiting} of ${capacity} ${what}`,
    );
    this.capacity = capacity;
  }
}

/**
 * A bound of the system is reached. Nothing was accepted; try again later. The code names the bound:
 * `too-many-actors` or `too-many-replies`; `too-many-schedules` fails the turn that asked for one more.
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
 * No answer came before the deadline, or the work was not started by then. Code `deadline`, HTTP 504. What was
 * started may still have its effect.
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

  /** Says what was waited for, and for how long. */
  constructor(message: string) {
    super("deadline", message);
  }
}

/**
 * The reply of a submit has not come in the time that its collector had. It still may, and can be collected then.
 * Code `deadline`; over HTTP it is not a failure but 202.
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
 * The system is stopping or has stopped, and takes nothing in. Code `stopping`, HTTP 503.
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

  /** Says what could not be done because the system stops. */
  constructor(message: string) {
    super("stopping", message);
  }
}

/**
 * What was named does not exist: `unknown-protocol`, `unknown-operation`, `unknown-reply`, `expired-reply` or
 * `unknown-dead-letter`. HTTP 404, or 410 for what has expired.
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
 * A message was accepted and will not be handled, or its handler failed: what a waiting asker gets, at once. The
 * code is the reason that the dead letter carries: `failed`, `deadline`, `dropped`, `stopping`, …
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { DeadLetterError } from "@posthorn/posthorn";
 *
 * assert(new DeadLetterError("dropped", "order/ada add gave way to a newer message").code === "dropped");
 * ```
 */
export class DeadLetterError extends PosthornError {
  /** The name of this class. */
  override readonly name = "DeadLetterError";
}

/**
 * An ask would wait for itself. It fails at once, and the message names every actor of the cycle. Code `cycle`.
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

  /** Names the actors of the cycle, in the order in which they ask. */
  constructor(chain: readonly string[]) {
    super("cycle", `Cannot ask ${chain[1]}: the answer would wait for itself: ${chain.join(" → ")}`);
    this.chain = chain;
  }
}

/**
 * An id that was used before came again with another payload. Nothing was accepted. Code `id-reused`, HTTP 422.
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

  /** With what could not be accepted, and why. */
  constructor(message: string, options?: ErrorOptions) {
    super("id-reused", message, options);
  }
}

/** Options of {@linkcode TerminalError}. */
export interface TerminalErrorOptions extends ErrorOptions {
  /**
   * The code that callers match on, in kebab case. Not one of the runtime's own reasons (`failed`, `deadline`,
   * `stopping`, …): a ticket would take it for that.
   *
   * @default {"terminal"}
   */
  readonly code?: string;
}

/**
 * Thrown by a handler: this message will never succeed, do not try it again. The turn leaves nothing, the message
 * is a dead letter, and whoever waits for the answer gets this message and code at once. HTTP 422. It says nothing
 * about the actor: it is not restarted for it.
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

  /** Makes the error with the words that the caller will read. */
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
 * Thrown by a handler: not now, but after this long. It counts as an attempt like any other failure, and replaces
 * the backoff: what a `Retry-After` of an outside service asks for. It says nothing about the actor: it is not
 * restarted for it. Code `retry`.
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

  /** Makes the error with the time to wait; throws a `RangeError` unless that is a finite number of at least 0. */
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

/** Throws a `RangeError` unless `value` is a whole number of at least `least`. For options: the error names the option. */
export function requireInteger(option: string, value: number, least: number): void {
  if (Number.isSafeInteger(value) && value >= least) return;
  throw unusable(option, `a whole number of at least ${least}`, value);
}

/** Throws a `RangeError` unless `value` is a number of milliseconds above 0. `Infinity` is never. */
export function requireDuration(option: string, value: number): void {
  if (typeof value === "number" && value > 0) return;
  throw unusable(option, "a number of milliseconds above 0", value);
}

/** Throws a `RangeError` unless `value` is a number of milliseconds of at least 0. `Infinity` is for ever. */
export function requireDelay(option: string, value: number): void {
  if (typeof value === "number" && value >= 0) return;
  throw unusable(option, "at least 0", value);
}

/** Throws a `RangeError` unless `value` is one of those; for who writes without a compiler. */
export function requireOneOf(option: string, value: string, known: readonly string[]): void {
  if (known.includes(value)) return;
  throw unusable(option, `one of ${known.join(", ")}`, value);
}

function unusable(option: string, what: string, value: unknown): RangeError {
  return new RangeError(`Cannot use ${option}: it must be ${what}: current value is ${value}`);
}

/** What was thrown, in words, whatever it was. */
export function messageOf(error: unknown): string {
  // An object may have no prototype, or a `toString` that throws.
  return guarded(() => String(error instanceof Error ? error.message : error), "something that has no words");
}
