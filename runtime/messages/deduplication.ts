import type { Clock } from "../base/clock.ts";
import type { Envelope } from "./envelope.ts";
import { IdConflictError, NotFoundError } from "../base/errors.ts";
import { fingerprint } from "../base/fingerprint.ts";
import { payloadOf } from "./builtin_protocols.ts";
import { roughBytes } from "../base/rough_bytes.ts";
import { type Held, Shares } from "../base/shares.ts";
import { shownName } from "./shown_name.ts";

interface DeduplicationEntry {
  readonly name: string;
  readonly scope: string;
  readonly fingerprint: string;
  untilMs: number;
  answer: unknown;
  /** Until when its answer is kept, in monotonic milliseconds. */
  answerUntilMs: number;
  /** How many bytes its answer takes. */
  bytes: number;
  /** Its entries in the shares of ids and of answers. */
  id: Held | undefined;
  kept: Held | undefined;
}

/** Stands for an answer that is kept no longer. */
const dropped = Symbol("dropped");

/** Keeps the answer to the first message of an id while it is being answered. */
export interface Remembered {
  /** Its answer has come, or more of it: it is kept as long as there is room and time for it. */
  answered(value: unknown): void;
  /** An answer came after the first message had timed out: a repeat is answered with it. */
  answeredLate(answer: unknown, value: unknown): void;
  /** It was not accepted after all: the same id may be sent again. */
  refused(): void;
}

/** The bounds of a {@linkcode Deduplication}. */
export interface DeduplicationBounds {
  /** How many ids are known, and for how long. */
  readonly ids: number;
  readonly windowMs: number;
  /** How many bytes of answers are kept, and for how long. */
  readonly answerBytes: number;
  readonly answerMs: number;
}

/**
 * The window in which repeated ids are known. It keeps how the first message was answered, by caller, receiver,
 * operation and id. Past the bound it evicts the oldest id of the caller that has the most. So an id is known until
 * its time is over, or until its caller has more than others and there is no room. The answer may be dropped earlier:
 * then a repeat is still known, and is told so.
 */
export class Deduplication {
  readonly #bounds: DeduplicationBounds;
  readonly #clock: Clock;
  readonly #entries = new Map<string, DeduplicationEntry>();
  readonly #ids: Shares<DeduplicationEntry>;
  readonly #answers: Shares<DeduplicationEntry>;

  constructor(bounds: DeduplicationBounds, clock: Clock) {
    this.#bounds = bounds;
    this.#clock = clock;
    this.#ids = new Shares(bounds.ids);
    this.#answers = new Shares(bounds.answerBytes);
  }

  /**
   * Answers a repeated message as the first one was answered, and a new one with `accept`. Throws an `IdConflictError`
   * if the first had another payload, and a `NotFoundError` (`expired-reply`) if its answer was dropped. If `accept`
   * throws, nothing is kept: the same id may be sent again.
   */
  once<Answer>(envelope: Envelope, accept: (remembered?: Remembered) => Answer): Answer {
    const { scope, delay: { delayMs } = { delayMs: 0 } } = envelope.route.extras ?? {};
    if (scope === undefined) return accept();
    const print = fingerprint(payloadOf(envelope));
    const first = this.#firstOf(envelope, scope);
    if (first !== undefined) {
      if (first.fingerprint === print) return this.#answerOf(envelope, first) as Answer;
      throw new IdConflictError(
        `Cannot accept ${shown(envelope)}: the id ${
          JSON.stringify(envelope.id)
        } came before with another payload`,
      );
    }
    const entry: DeduplicationEntry = {
      name: nameOf(envelope, scope),
      scope,
      fingerprint: print,
      untilMs: this.#clock.monotonicMs() + this.#bounds.windowMs + delayMs,
      answer: undefined,
      answerUntilMs: Infinity,
      bytes: 0,
      id: undefined,
      kept: undefined,
    };
    const answer = accept({
      answered: (value) => this.#keep(entry, value),
      answeredLate: (answer, value) => {
        if (entry.answer === dropped) return;
        entry.answer = answer;
        this.#keep(entry, value);
      },
      refused: () => this.#forget(entry),
    });
    if (entry.answer !== dropped) entry.answer = answer;
    const before = this.#entries.get(entry.name);
    if (before !== undefined) this.#forget(before); // its window is over
    this.#entries.set(entry.name, entry);
    entry.id = this.#ids.add([scope], entry, 1, (gone) => this.#forget(gone));
    return answer;
  }

  /** How the first message of that id was answered, if that is known and it had the same payload. */
  answerOf(envelope: Envelope): unknown {
    const { scope } = envelope.route.extras ?? {};
    const first = scope === undefined ? undefined : this.#firstOf(envelope, scope);
    if (first === undefined || first.answer === dropped) return undefined;
    return first.fingerprint === fingerprint(payloadOf(envelope)) ? first.answer : undefined;
  }

  /** The message of that id is answered later: its repeats are known for so much longer. */
  extend(envelope: Envelope, byMs: number): void {
    const { acceptedScope, scope = acceptedScope } = envelope.route.extras ?? {};
    const first = scope === undefined ? undefined : this.#firstOf(envelope, scope);
    if (first !== undefined) first.untilMs = this.#clock.monotonicMs() + byMs + this.#bounds.windowMs;
  }

  #firstOf(envelope: Envelope, scope: string): DeduplicationEntry | undefined {
    const first = this.#entries.get(nameOf(envelope, scope));
    return first !== undefined && first.untilMs > this.#clock.monotonicMs() ? first : undefined;
  }

  #answerOf(envelope: Envelope, entry: DeduplicationEntry): unknown {
    if (entry.answerUntilMs <= this.#clock.monotonicMs()) this.#drop(entry);
    if (entry.answer !== dropped) return entry.answer;
    throw expiredAnswer(shown(envelope));
  }

  #keep(entry: DeduplicationEntry, value: unknown): void {
    if (entry.answer === dropped) return;
    entry.bytes += roughBytes(value, this.#bounds.answerBytes + 1);
    entry.answerUntilMs = this.#clock.monotonicMs() + this.#bounds.answerMs;
    entry.kept?.release();
    entry.kept = this.#answers.add([entry.scope], entry, entry.bytes, (gone) => this.#drop(gone));
  }

  #drop(entry: DeduplicationEntry): void {
    entry.answer = dropped;
    entry.kept?.release();
  }

  #forget(entry: DeduplicationEntry): void {
    this.#drop(entry);
    entry.id?.release();
    if (this.#entries.get(entry.name) === entry) this.#entries.delete(entry.name);
  }
}

function nameOf(envelope: Envelope, scope: string): string {
  return `${scope}\n${envelope}\n${envelope.id}`;
}

function shown({ operation, key }: Envelope): string {
  return shownName(operation, key);
}

/** The error of a repeat if the first was answered, and the answer is kept no longer. */
export function expiredAnswer(name: string): NotFoundError {
  const why = "it was answered, and the answer was kept for as long as there was room and time for it";
  return new NotFoundError("expired-reply", `Cannot answer ${name} again: ${why}`);
}
