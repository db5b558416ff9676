import type { ActorId } from "../language/address.ts";
import { TooLargeError } from "../base/store_errors.ts";
import {
  DeadLetterError,
  DeadlineExceededError,
  DeadlockError,
  InvalidPayloadError,
  NotFoundError,
  type PosthornError,
  StoppedError,
  TerminalError,
} from "../base/errors.ts";
import { type Held, Shares } from "../base/shares.ts";
import { codeOf, isSound, isThrown } from "../base/thrown.ts";

/** A message that will not be delivered, and why. */
export interface DeadLetter extends ActorId {
  /** The id of the message; it names the dead letter too. */
  readonly id: string;
  /** The name of its operation. */
  readonly operation: string;
  /** What was sent: the schema's input. */
  readonly payload: unknown;
  /**
   * Why, as a stable code: `failed` (its last attempt failed), `cycle`, a `TerminalError`'s code, `mailbox-full`, `dropped`
   * (it gave way in a full mailbox), `deadline`, `stopped` (its actor did), `stopping` (the system did),
   * `invalid-payload`, `id-reused`, `unknown-protocol`, `unknown-operation`, `too-many-actors`, `too-many-replies`,
   * `too-many-subscribers`, `late-reply`, `too-large` (no commit takes it with what it causes), `not-storable` (it, or
   * what its turn left, is no data).
   */
  readonly reason: string;
  /** Why, in words: at most 4,000 UTF-16 units, the last one `…` where there were more. */
  readonly message: string;
  /** How many attempts were made. */
  readonly attempts: number;
  /** When, in milliseconds since 1970. */
  readonly atMs: number;
}

/** How much is kept of why a message died: errors may say as much as they like, and a letter must find room. */
export const wordsMax = 4_000;

/** The reasons that the runtime itself gives; any other code is a `TerminalError`'s. */
const runtimeReasons = new Set([
  "failed",
  "cycle",
  "mailbox-full",
  "dropped",
  "stopped",
  "invalid-payload",
  "id-reused",
  "unknown-protocol",
  "unknown-operation",
  "too-many-actors",
  "too-many-replies",
  "late-reply",
  "too-large",
  "not-storable",
]);

/** What a failed turn is called. A reply that does not fit is its handler's failure, not the caller's. */
export function reasonOf(error: unknown): string {
  if (isThrown(error, TerminalError)) return codeOf(error, "terminal");
  return isThrown(error, DeadlockError) || isUnstorable(error) ? codeOf(error, "failed") : "failed";
}

/** Whether no store will ever take what a turn left: to run it again is in vain. */
export function isUnstorable(error: unknown): boolean {
  return isThrown(error, TooLargeError) || codeOf(error, "failed") === "not-storable";
}

/** What is said of a message whose deadline passed before it was done: it may have been tried. */
export function lateness(attempts: number): string {
  if (attempts === 0) return "was not started before its deadline";
  return `was not done before its deadline, after ${attempts} ${attempts === 1 ? "attempt" : "attempts"}`;
}

/** The error that stands for a dead letter's reason: what was thrown, where that was meant for the asker. */
export function errorOfReason(reason: string, message: string, cause?: unknown): PosthornError {
  if (isSound(cause, TerminalError) || isSound(cause, DeadlockError)) return cause;
  if (isSound(cause, InvalidPayloadError) && reason === cause.code) return cause;
  if (reason === "deadline") return new DeadlineExceededError(message);
  if (reason === "stopping") return new StoppedError(message);
  if (runtimeReasons.has(reason)) return new DeadLetterError(reason, message, { cause });
  return new TerminalError(message, { code: reason, cause });
}

/**
 * The dead letters of a system, oldest first. Past `limits.deadLetters` (or `limits.deadLetterBytes`) the oldest of whatever
 * operation has the most is let go, and within it of whatever caller, so that what fails again and again does not push out
 * what failed once. `total` still counts it.
 */
export interface DeadLetters {
  /**
   * How many there have been since the system began, also those that were let go or sent again. With a store that counts
   * those of other instances as well, once this one has read them: within a heartbeat.
   */
  readonly total: number;
  /** How many are kept. */
  readonly size: number;
  /** Those that are kept, oldest first. */
  list(): DeadLetter[];
  /**
   * Sends a dead letter again: same id, same payload, a new count of attempts, at the end of the mailbox. Nobody
   * waits for its answer any more; an address that was to get the reply gets it. The oldest goes first where senders
   * gave several messages the same id.
   *
   * Throws what a send throws ({@linkcode MailboxFullError}, {@linkcode StoppedError}, …; `late-reply` for a reply that
   * nobody waits for any more) and then keeps the letter; an {@linkcode NotFoundError} (`unknown-dead-letter`) when there
   * is none of that id. One that is in a store is sent with a commit: then it returns a promise, which rejects with the
   * same. What another instance has sent again leaves this one's list at its next heartbeat, or when this one tries.
   */
  resend(id: string): void | Promise<void>;
}

/** More of a dead letter than is told. */
export interface LetterParts {
  /** Sends it again: rejects where it is not sent, and then it stays. */
  readonly resend: () => void | Promise<void>;
  /** Whose message it was; absent where the program sent it. */
  readonly caller?: string | undefined;
  /** How large it is, where that is known. */
  readonly bytes?: number | undefined;
  /** Hears that it was let go for another. */
  readonly onLetGo?: () => void;
}

/** A dead letter that is kept. */
export interface DeadLetterEntry extends LetterParts {
  readonly letter: DeadLetter;
  /** Its places among all of them, and among those of which it is known how large they are. */
  readonly places: Held[];
}

/** The dead letters that are kept in memory. */
export class InMemoryDeadLetters implements DeadLetters {
  /** Oldest first. Not by id: two senders may give the same one. */
  readonly #entries = new Set<DeadLetterEntry>();
  readonly #shares: Shares<DeadLetterEntry>;
  readonly #weights: Shares<DeadLetterEntry>;
  /** Those that are being sent again. */
  readonly #sending = new Set<DeadLetterEntry>();
  total = 0;
  /** How many there have been of this system alone. */
  deadLettered = 0;

  /** How many it keeps, and how many bytes. */
  constructor(capacity: number, bytesMax: number) {
    this.#shares = new Shares(capacity);
    this.#weights = new Shares(bytesMax);
  }

  get size(): number {
    return this.#entries.size;
  }

  list(): DeadLetter[] {
    return Array.from(this.#entries, ({ letter }) => letter);
  }

  resend(id: string): void | Promise<void> {
    const first = (sending: boolean) =>
      this.#entries.values().find((one) => one.letter.id === id && this.#sending.has(one) === sending);
    const entry = first(false) ?? first(true);
    if (entry === undefined) {
      throw new NotFoundError("unknown-dead-letter", `Cannot resend ${id}: no such dead letter is kept`);
    }
    const sent = entry.resend();
    if (sent === undefined) return this.remove(entry);
    this.#sending.add(entry);
    return sent.then(() => this.remove(entry)).finally(() => this.#sending.delete(entry));
  }

  /** Counts one of this system. */
  count(): void {
    this.total++;
    this.deadLettered++;
  }

  /** Keeps one. What it pushes out, perhaps itself, hears of it. */
  add(letter: DeadLetter, parts: LetterParts): DeadLetterEntry {
    const { caller, bytes = 0 } = parts;
    const entry: DeadLetterEntry = { ...parts, letter, places: [] };
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

  /** Lets go of one, if it is still kept. */
  remove(entry: DeadLetterEntry): void {
    this.#entries.delete(entry);
    for (const place of entry.places) place.release();
  }
}
