import type { PosthornError } from "../runtime/base/errors.ts";
import type { Replies, SurveyEnd } from "../runtime/language/context.ts";
import type { Remembered } from "../runtime/messages/deduplication.ts";

/**
 * The replies of one survey as they come. When its last reader leaves, the collector is closed. A survey with an id is
 * collected to its end: a repeat, perhaps after a broken connection, gets the replies that the first would have got.
 */
export class ReplyStream {
  readonly #close: () => void;
  readonly #remembered: Remembered | undefined;
  readonly #replies: { readonly output: unknown; readonly input: unknown }[] = [];
  readonly #waiting = new Set<() => void>();
  /** Why it has ended by itself. */
  #end: SurveyEnd | undefined;
  #over = false;
  #error: PosthornError | undefined;
  #readers = 0;
  /** Called when it ends, for whatever reason. */
  onEnd: (() => void) | undefined;

  constructor(close: () => void, remembered: Remembered | undefined) {
    this.#close = close;
    this.#remembered = remembered;
  }

  /** Whether it has ended. */
  get over(): boolean {
    return this.#over;
  }

  push(output: unknown, input: unknown): void {
    this.#replies.push({ output, input });
    this.#remembered?.answered(input);
    this.#wake();
  }

  end(why?: SurveyEnd): void {
    if (this.#over) return;
    this.#over = true;
    this.#end = why;
    this.onEnd?.();
    this.#wake();
  }

  /** Ends it with an error, after the replies that have come. */
  fail(error: PosthornError): void {
    if (this.#over) return;
    this.#error = error;
    this.end();
  }

  /** Ends it with an error because the survey was not accepted. */
  refuse(error: PosthornError): void {
    this.#remembered?.refused();
    if (this.#over) return;
    this.#close();
    this.fail(error);
  }

  leave(): void {
    if (this.#over) return;
    this.#close();
    this.end();
  }

  iterate(raw: boolean): Replies<unknown> {
    const end = () => this.#end;
    let next = 0;
    let left = false;
    this.#readers++;
    const iterator: Replies<unknown> = {
      get end() {
        return end();
      },
      next: async () => {
        while (!left && next >= this.#replies.length && !this.#over) {
          await new Promise<void>((resolve) => this.#waiting.add(resolve));
        }
        if (!left && next < this.#replies.length) {
          const { output, input } = this.#replies[next++];
          return { done: false, value: raw ? input : output };
        }
        if (left || this.#error === undefined) return { done: true, value: this.#end ?? "max" }; // as many as were wanted
        left = true;
        throw this.#error;
      },
      return: () => {
        if (!left && --this.#readers === 0 && this.#remembered === undefined) this.leave();
        left = true;
        this.#wake(); // its own pending call of next() ends
        return Promise.resolve({ done: true, value: this.#end ?? "max" });
      },
      [Symbol.asyncIterator]: () => iterator,
    };
    return iterator;
  }

  #wake(): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const wake of waiting) wake();
  }
}
