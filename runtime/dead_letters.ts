import type { ActorId } from "./address.ts";
import {
  CycleError,
  DeadLetterError,
  DeadlineError,
  InvalidPayloadError,
  type PosthornError,
  StoppedError,
  TerminalError,
  UnknownError,
} from "./errors.ts";
import { Latest } from "./latest.ts";
import { codeOf, isSound, isThrown } from "./thrown.ts";

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
   * `invalid-payload`, `id-reused`, `unknown-protocol`, `unknown-operation`, `too-many-actors`, `too-many-replies`, `too-many-subscribers`, `late-reply`.
   */
  readonly reason: string;
  /** Why, in words. */
  readonly message: string;
  /** How many attempts were made. */
  readonly attempts: number;
  /** When, in milliseconds since 1970. */
  readonly atMs: number;
}

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
]);

/** What a failed turn is called. A reply that does not fit is its handler's failure, not the caller's. */
export function reasonOf(error: unknown): string {
  if (isThrown(error, TerminalError)) return codeOf(error, "terminal");
  return isThrown(error, CycleError) ? codeOf(error, "cycle") : "failed";
}

/** The error that stands for a dead letter's reason: what was thrown, where that was meant for the asker. */
export function errorOfReason(reason: string, message: string, cause?: unknown): PosthornError {
  if (isSound(cause, TerminalError) || isSound(cause, CycleError)) return cause;
  if (isSound(cause, InvalidPayloadError) && reason === cause.code) return cause;
  if (reason === "deadline") return new DeadlineError(message);
  if (reason === "stopping") return new StoppedError(message);
  if (runtimeReasons.has(reason)) return new DeadLetterError(reason, message, { cause });
  return new TerminalError(message, { code: reason, cause });
}

/**
 * The dead letters of a system, oldest first. Past `limits.deadLetters` the oldest is let go, and `total` still counts
 * it.
 */
export interface DeadLetters {
  /** How many there have been since the system began, also those that were let go or sent again. */
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
   * Throws what a send throws ({@linkcode MailboxFullError}, {@linkcode StoppedError}, …) and then keeps the letter;
   * an {@linkcode UnknownError} (`unknown-dead-letter`) when there is none of that id. One that is in a store is sent
   * with a commit: then it returns a promise, which rejects with the same.
   */
  sendAgain(id: string): void | Promise<void>;
}

interface Entry {
  readonly letter: DeadLetter;
  readonly sendAgain: () => void | Promise<void>;
}

/** The dead letters that are kept in memory. */
export class KeptDeadLetters implements DeadLetters {
  /** Oldest first. Not by id: two senders may give the same one. */
  readonly #entries: Latest<Entry>;
  total = 0;

  /** How many it keeps. */
  constructor(capacity: number) {
    this.#entries = new Latest(capacity);
  }

  get size(): number {
    return this.#entries.size;
  }

  list(): DeadLetter[] {
    return Array.from(this.#entries.values(), ({ letter }) => letter);
  }

  sendAgain(id: string): void | Promise<void> {
    const entry = this.#entries.values().find(({ letter }) => letter.id === id);
    if (entry === undefined) {
      throw new UnknownError("unknown-dead-letter", `Cannot send ${id} again: no such dead letter is kept`);
    }
    const sent = entry.sendAgain();
    if (sent === undefined) return this.#entries.remove(entry);
    return sent.finally(() => this.#entries.remove(entry)); // what another instance has sent is gone as well
  }

  /** Keeps one, with what sends it again. */
  add(letter: DeadLetter, sendAgain: () => void | Promise<void>): void {
    this.#entries.add({ letter, sendAgain });
  }
}
