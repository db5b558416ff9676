import type { Clock } from "./clock.ts";
import type { Envelope } from "./envelope.ts";
import { IdReusedError } from "./errors.ts";
import { fingerprint } from "./fingerprint.ts";
import { Latest } from "./latest.ts";
import { payloadOf } from "./modes.ts";

interface Mark {
  readonly name: string;
  readonly fingerprint: string;
  readonly untilMs: number;
  readonly answer: unknown;
}

/**
 * The window in which a repeated id is known: how the first was answered, by caller, receiver, operation and id. Past
 * the bound the oldest is let go, so the window ends after its time or after so many ids, whichever comes first.
 */
export class Seen {
  readonly #windowMs: number;
  readonly #clock: Clock;
  readonly #marks = new Map<string, Mark>();
  readonly #order: Latest<Mark>;

  constructor(capacity: number, windowMs: number, clock: Clock) {
    this.#order = new Latest(capacity);
    this.#windowMs = windowMs;
    this.#clock = clock;
  }

  /**
   * Answers a repeated message as the first was, and one that is new with `accept`. Throws an `IdReusedError` when it
   * came with another payload. What `accept` throws is not remembered: the same id may try again.
   */
  once<Answer>(envelope: Envelope, accept: () => Answer): Answer {
    if (envelope.route.rarities?.scope === undefined) return accept();
    const nowMs = this.#clock.monotonicMs();
    const name = `${envelope.route.rarities.scope}\n${envelope}\n${envelope.id}`;
    const print = fingerprint(payloadOf(envelope));
    const first = this.#marks.get(name);
    if (first !== undefined && first.untilMs > nowMs) {
      if (first.fingerprint === print) return first.answer as Answer;
      throw new IdReusedError(
        "id-reused",
        `Cannot accept ${envelope}: the id ${JSON.stringify(envelope.id)} came before with another payload`,
      );
    }
    const answer = accept();
    const mark = { name, fingerprint: print, untilMs: nowMs + this.#windowMs, answer };
    this.#marks.set(name, mark);
    const gone = this.#order.add(mark);
    // One that had expired and came again has a newer mark, and a place of its own for it.
    if (gone !== undefined && this.#marks.get(gone.name) === gone) this.#marks.delete(gone.name);
    return answer;
  }
}
