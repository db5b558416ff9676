import type { ActorId } from "../language/address.ts";
import type { ToldFailure } from "../messages/told_failure.ts";
import { OutcomeUnknownError, TooLargeError } from "../base/store_errors.ts";
import { CancelledError } from "../base/cancelled_error.ts";
import {
  DeadLetterError,
  DeadlineExceededError,
  DeadlockError,
  InvalidPayloadError,
  NotFoundError,
  PosthornError,
  StoppedError,
  TerminalError,
  TurnTimeoutError,
} from "../base/errors.ts";
import { type Held, Shares } from "../base/shares.ts";
import { codeOf, isSound, isThrown } from "../base/thrown.ts";
import type { BulkResult, WhichLetter } from "./control.ts";
import { changedMax, isMeant, matches } from "./control_arguments.ts";
import type { DeadLetterFilter } from "./observation.ts";

/** A message that will not be delivered, with the reason. */
export interface DeadLetter extends ActorId {
  /** The id of the message, and of the dead letter. */
  readonly id: string;
  /** The name of its operation. */
  readonly operation: string;
  /** The payload as it was sent: the input of the schema. */
  readonly payload: unknown;
  /**
   * The reason as a stable code: `failed` (its last attempt failed), `turn-timeout` (the handler did not settle
   * within `turnMs`), `cycle`, the code of a `TerminalError`,
   * `mailbox-full`, `dropped` (evicted from a full mailbox by its overflow policy), `deadline`, `stopped`
   * (its actor was stopped), `stopping` (the system was stopped), `invalid-payload`, `id-reused`,
   * `unknown-protocol`, `unknown-operation`, `too-many-actors`, `too-many-replies`, `too-many-subscribers`,
   * `late-reply`, `too-large` (its turn does not fit into one commit, or it is too large for the transport),
   * `not-storable` (the message, or a result of its turn, is not plain data). Of messages to other services:
   * `outbox-full`, `expired` (nobody took it in half of `deduplicationWindowMs`; it may have been delivered
   * all the same), `no-receiver`, `undeliverable` (the broker refused it), `invalid-headers`. Of messages from
   * other services: `unknown-content-type`, `unreadable-body`, `invalid-key`, `no-return-address`,
   * `already-answered`. Of answers that came later: `already-answered`, `late-reply`, `invalid-reply`.
   */
  readonly reason: string;
  /** The reason in words: at most 4,000 UTF-16 units; a longer text is cut and ends with `…`. */
  readonly message: string;
  /** The number of attempts. */
  readonly attempts: number;
  /** When the message became a dead letter, in milliseconds since 1970. */
  readonly atMs: number;
}

/**
 * The maximum length of the message of a dead letter, in UTF-16 units. Bounds the size of a dead letter,
 * since an error message may have any length.
 */
export const wordsMax = 4_000;

/** The maximum length of the error that is kept with a retry, in UTF-16 units. */
export const retryUnitsMax = 1_000;

/**
 * The reasons that the runtime itself gives, here or in another service; any other code belongs to a `TerminalError`, after
 * which nobody tries again.
 */
const runtimeReasons = new Set([
  "failed",
  "turn-timeout",
  "cycle",
  "mailbox-full",
  "dropped",
  "stopped",
  "invalid-payload",
  "id-reused",
  "unknown-protocol",
  "unknown-operation",
  "transient-peer",
  "too-many-actors",
  "too-many-replies",
  "too-many-delayed",
  "late-reply",
  "too-large",
  "not-storable",
  "outbox-full",
  "expired",
  "no-receiver",
  "undeliverable",
  "already-answered",
  "unknown-content-type",
  "unreadable-body",
  "invalid-headers",
  "invalid-key",
  "no-return-address",
  "newer-state",
  "store-unavailable",
  "store-full",
  "store-closed",
]);

/**
 * The reason for the dead letter of a failed turn. An invalid reply counts as a failure of the handler, not
 * of the caller.
 */
export function reasonOf(error: unknown): string {
  if (isThrown(error, TerminalError)) return codeOf(error, "terminal");
  const known = isThrown(error, DeadlockError) || isThrown(error, TurnTimeoutError) || isUnstorable(error);
  return known ? codeOf(error, "failed") : "failed";
}

/** Whether no store can ever commit the turn, so that a retry cannot succeed. */
export function isUnstorable(error: unknown): boolean {
  return isThrown(error, TooLargeError) || codeOf(error, "failed") === "not-storable";
}

/** Describes a message whose deadline passed before its turn committed. */
export function lateness(attempts: number): string {
  if (attempts === 0) return "was not started before its deadline";
  return `was not done before its deadline, after ${attempts} ${attempts === 1 ? "attempt" : "attempts"}`;
}

/**
 * The error with which the caller of a dead-lettered request rejects: the error that was thrown if it was
 * meant for the caller, else one for the reason.
 */
export function errorOfReason(reason: string, message: string, cause?: unknown): PosthornError {
  if (isSound(cause, TerminalError) || isSound(cause, DeadlockError)) return cause;
  if (isSound(cause, InvalidPayloadError) && reason === cause.code) return cause;
  if (reason === "deadline") return new DeadlineExceededError(message);
  if (reason === "stopping") return new StoppedError(message);
  if (reason === "given-up") return new PosthornError(reason, message);
  if (reason === "outcome-unknown") return new OutcomeUnknownError(message, { cause });
  if (runtimeReasons.has(reason)) return new DeadLetterError(reason, message, { cause });
  return new TerminalError(message, { code: reason, cause });
}

/** Other words of the runtime than those for dead letters, which have errors of their own. */
const ownErrors = new Set(["deadline", "stopping", "given-up", "outcome-unknown"]);

/** What a failure says beside its code if a handler gave that code: that the code is not meant as a word of the runtime. */
export function codeOfHandler(code: string): Pick<ToldFailure, "ofHandler"> {
  return ownErrors.has(code) || runtimeReasons.has(code) ? { ofHandler: true } : {};
}

/** The same for an error: whether a handler gave its code. */
export function codeOfThrown(error: unknown): Pick<ToldFailure, "ofHandler"> {
  return isSound(error, TerminalError) ? codeOfHandler(error.code) : {};
}

/** The error that stands for the failure of a request, with the id of the request. */
export function errorOfFailure({ id, code, message, outcome, ofHandler }: ToldFailure): PosthornError {
  const error = outcome !== undefined
    ? new CancelledError(message, outcome)
    : ofHandler === true
    ? new TerminalError(message, { code })
    : errorOfReason(code, message);
  return Object.assign(error, { id });
}

/**
 * The dead letters of a system, oldest first. If `limits.deadLetters` or `limits.deadLetterBytes` is
 * exceeded, the oldest one is evicted of the operation that has the most, and within it of the caller that
 * has the most. So a message that fails again and again does not evict one that failed once. `total` still
 * counts an evicted dead letter.
 */
export interface DeadLetters {
  /**
   * The number of dead letters since the system started, including those evicted or resent. With a store it
   * includes those of other instances, after this one has read them: within one heartbeat.
   */
  readonly total: number;
  /** The number of dead letters that are kept. */
  readonly size: number;
  /** The dead letters that are kept, oldest first. */
  list(): DeadLetter[];
  /**
   * Resends a dead letter: with the same id and payload and a new count of attempts, at the end of the
   * mailbox. No caller waits for its reply any more; if the reply goes to an address, it is sent there. If
   * several messages have the same id, the oldest is resent first.
   *
   * Throws what a send throws ({@linkcode MailboxFullError}, {@linkcode StoppedError}, …; `late-reply` for a reply
   * that nobody waits for) and then keeps the dead letter; throws a {@linkcode NotFoundError}
   * (`unknown-dead-letter`) if there is none with that id. A dead letter in a store is resent with a commit: then
   * it returns a promise, which rejects with the same errors. A dead letter that another instance resent is
   * removed from this list at the next heartbeat, or when this instance tries to resend it.
   */
  resend(id: string): void | Promise<void>;
}

/** Internal data of a dead letter, beside what applications see. */
export interface LetterParts {
  /** Resends it. If that rejects, the dead letter is kept. */
  readonly resend: () => void | Promise<void>;
  /** Removes it from the store, and resolves with whether it was there; absent if it is in memory alone. */
  readonly discard?: () => Promise<boolean>;
  /** The caller of the message; absent if the program itself sent it. */
  readonly caller?: string | undefined;
  /** Its size in bytes, if known. */
  readonly bytes?: number | undefined;
  /** Called when it is evicted; present if it is in a store. */
  readonly onLetGo?: () => void;
  /** The id of the first message in its chain. */
  readonly correlationId?: string;
}

/** A dead letter that is kept, with its internal data. */
export interface DeadLetterEntry extends LetterParts {
  readonly letter: DeadLetter;
  /** Its number among all that were kept. */
  readonly number: number;
  /** Its shares: of the number of all dead letters and, if its size is known, of their bytes. */
  readonly places: Held[];
}

/** The dead letters kept in memory. */
export class InMemoryDeadLetters implements DeadLetters {
  /** Oldest first. Not keyed by id, because two senders may use the same id. */
  readonly #entries = new Set<DeadLetterEntry>();
  readonly #shares: Shares<DeadLetterEntry>;
  readonly #weights: Shares<DeadLetterEntry>;
  /** The dead letters whose resend is in progress. */
  readonly #sending = new Set<DeadLetterEntry>();
  #last = 0;
  total = 0;
  /** The number of dead letters of this instance alone. */
  deadLettered = 0;

  /** `capacity` bounds the number of dead letters, `bytesMax` their bytes. */
  constructor(capacity: number, bytesMax: number) {
    this.#shares = new Shares(capacity);
    this.#weights = new Shares(bytesMax);
  }

  get size(): number {
    return this.#entries.size;
  }

  /** The dead letters that are kept, with what is known of them besides. */
  entries(): Iterable<DeadLetterEntry> {
    return this.#entries;
  }

  list(): DeadLetter[] {
    return Array.from(this.#entries, ({ letter }) => letter);
  }

  resend(id: string, which?: WhichLetter): void | Promise<void> {
    const entry = this.#find(id, which);
    if (entry === undefined) {
      throw new NotFoundError("unknown-dead-letter", `Cannot resend ${id}: no such dead letter is kept`);
    }
    return this.#resend(entry);
  }

  #resend(entry: DeadLetterEntry): void | Promise<void> {
    const sent = entry.resend();
    if (sent === undefined) return this.remove(entry);
    this.#sending.add(entry);
    return sent.then(() => this.remove(entry)).finally(() => this.#sending.delete(entry));
  }

  /** The oldest that is meant, if it is kept; if possible one that is not being resent. */
  #find(id: string, which?: WhichLetter): DeadLetterEntry | undefined {
    const first = (sending: boolean) =>
      this.#entries.values().find((one) =>
        isMeant(one.letter, id, which) && this.#sending.has(one) === sending
      );
    return first(false) ?? first(true);
  }

  /** Removes the oldest that is meant. Resolves with whether there was one. */
  async discard(id: string, which?: WhichLetter): Promise<boolean> {
    const entry = this.#find(id, which);
    if (entry?.discard !== undefined) return await entry.discard();
    if (entry !== undefined) this.remove(entry);
    return entry !== undefined;
  }

  /** Resends or discards those that match and are in memory alone, oldest first, one after the other. */
  async each(filter: DeadLetterFilter, action: "resend" | "discard"): Promise<BulkResult> {
    const meant = [...this.#entries].filter((one) =>
      one.discard === undefined && matches(filter, one.letter)
    );
    let [done, failed] = [0, 0];
    for (const entry of meant) {
      if (done === changedMax) return { done, failed, more: true };
      if (!this.#entries.has(entry) || this.#sending.has(entry)) continue; // it is gone, or about to be
      try {
        if (action === "discard") this.remove(entry);
        else await this.#resend(entry);
        done++;
      } catch {
        failed++;
      }
    }
    return { done, failed, more: false };
  }

  /** Counts a dead letter of this instance. */
  count(): void {
    this.total++;
    this.deadLettered++;
  }

  /** Keeps a dead letter. Dead letters that it evicts, possibly itself, get a call of `onLetGo`. */
  add(letter: DeadLetter, parts: LetterParts): DeadLetterEntry {
    const { caller, bytes = 0 } = parts;
    const entry: DeadLetterEntry = { ...parts, letter, number: ++this.#last, places: [] };
    this.#entries.add(entry);
    const owner = [`${letter.protocol} ${letter.operation}`, caller === undefined ? "" : `by ${caller}`];
    const letGo = (gone: DeadLetterEntry) => {
      this.remove(gone);
      gone.onLetGo?.();
    };
    entry.places.push(this.#shares.add(owner, entry, 1, letGo));
    if (bytes > 0 && this.#entries.has(entry)) {
      entry.places.push(this.#weights.add(owner, entry, bytes, letGo));
    }
    return entry;
  }

  /** Removes a dead letter, if it is still kept. */
  remove(entry: DeadLetterEntry): void {
    this.#entries.delete(entry);
    for (const place of entry.places) place.release();
  }
}
