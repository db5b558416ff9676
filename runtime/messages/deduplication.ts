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
  readonly untilMs: number;
  answer: unknown;
  /** Until when its answer is kept. */
  answerUntilMs: number;
  /** How much its answer takes. */
  bytes: number;
  /** Its place among the ids, and among the answers that take room. */
  id: Held | undefined;
  kept: Held | undefined;
}

/** Stands for an answer that was let go. */
const letGo = Symbol("let go");

/** What is known of the first of its name while it is being answered. */
export interface Remembered {
  /** Its answer has come, or there is more of it: that takes room, until it gives way or its time is over. */
  answered(value: unknown): void;
  /** Another answer came than the first was given, when it had given up: a repeat is answered with that. */
  answeredLate(answer: unknown, value: unknown): void;
  /** It was not accepted after all: the same id may try again. */
  refused(): void;
}

/** How much a {@linkcode Seen} remembers. */
export interface DeduplicationBounds {
  /** How many ids, and for how long. */
  readonly ids: number;
  readonly windowMs: number;
  /** How many bytes of answers, and for how long. */
  readonly answerBytes: number;
  readonly answerMs: number;
}

/**
 * The window in which a repeated id is known: how the first was answered, by caller, receiver, operation and id. Past the
 * bound the oldest of whoever has the most is let go, so the window of a caller ends after its time, or when it holds more
 * than others and there is no room. Its answer may be let go before that: then a repeat is known, and told so.
 */
export class Deduplication {
  readonly #bounds: DeduplicationBounds;
  readonly #clock: Clock;
  readonly #marks = new Map<string, DeduplicationEntry>();
  readonly #ids: Shares<DeduplicationEntry>;
  readonly #answers: Shares<DeduplicationEntry>;

  constructor(bounds: DeduplicationBounds, clock: Clock) {
    this.#bounds = bounds;
    this.#clock = clock;
    this.#ids = new Shares(bounds.ids);
    this.#answers = new Shares(bounds.answerBytes);
  }

  /**
   * Answers a repeated message as the first was, and one that is new with `accept`. Throws an `IdConflictError` when it
   * came with another payload, an `NotFoundError` (`expired-reply`) when its answer was let go. What `accept` throws is
   * not remembered: the same id may try again.
   */
  once<Answer>(envelope: Envelope, accept: (remembered?: Remembered) => Answer): Answer {
    const { scope } = envelope.route.extras ?? {};
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
    const mark: DeduplicationEntry = {
      name: nameOf(envelope, scope),
      scope,
      fingerprint: print,
      untilMs: this.#clock.monotonicMs() + this.#bounds.windowMs,
      answer: undefined,
      answerUntilMs: Infinity,
      bytes: 0,
      id: undefined,
      kept: undefined,
    };
    const answer = accept({
      answered: (value) => this.#keep(mark, value),
      answeredLate: (answer, value) => {
        if (mark.answer === letGo) return;
        mark.answer = answer;
        this.#keep(mark, value);
      },
      refused: () => this.#forget(mark),
    });
    if (mark.answer !== letGo) mark.answer = answer;
    const before = this.#marks.get(mark.name);
    if (before !== undefined) this.#forget(before); // its time was over
    this.#marks.set(mark.name, mark);
    mark.id = this.#ids.add([scope], mark, 1, (gone) => this.#forget(gone));
    return answer;
  }

  /** How the first of that name was answered, where that is known and it was the same. */
  answerOf(envelope: Envelope): unknown {
    const { scope } = envelope.route.extras ?? {};
    const first = scope === undefined ? undefined : this.#firstOf(envelope, scope);
    if (first === undefined || first.answer === letGo) return undefined;
    return first.fingerprint === fingerprint(payloadOf(envelope)) ? first.answer : undefined;
  }

  #firstOf(envelope: Envelope, scope: string): DeduplicationEntry | undefined {
    const first = this.#marks.get(nameOf(envelope, scope));
    return first !== undefined && first.untilMs > this.#clock.monotonicMs() ? first : undefined;
  }

  #answerOf(envelope: Envelope, mark: DeduplicationEntry): unknown {
    if (mark.answerUntilMs <= this.#clock.monotonicMs()) this.#letGo(mark);
    if (mark.answer !== letGo) return mark.answer;
    throw expiredAnswer(shown(envelope));
  }

  #keep(mark: DeduplicationEntry, value: unknown): void {
    if (mark.answer === letGo) return;
    mark.bytes += roughBytes(value, this.#bounds.answerBytes + 1);
    mark.answerUntilMs = this.#clock.monotonicMs() + this.#bounds.answerMs;
    mark.kept?.release();
    mark.kept = this.#answers.add([mark.scope], mark, mark.bytes, (gone) => this.#letGo(gone));
  }

  #letGo(mark: DeduplicationEntry): void {
    mark.answer = letGo;
    mark.kept?.release();
  }

  #forget(mark: DeduplicationEntry): void {
    this.#letGo(mark);
    mark.id?.release();
    if (this.#marks.get(mark.name) === mark) this.#marks.delete(mark.name);
  }
}

function nameOf(envelope: Envelope, scope: string): string {
  return `${scope}\n${envelope}\n${envelope.id}`;
}

function shown({ operation, key }: Envelope): string {
  return shownName(operation, key);
}

/** What a repeat is told whose first was answered, where the answer is kept no longer. */
export function expiredAnswer(name: string): NotFoundError {
  const why = "it was answered, and the answer was kept for as long as there was room and time for it";
  return new NotFoundError("expired-reply", `Cannot answer ${name} again: ${why}`);
}
