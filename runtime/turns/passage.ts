import { isThenable } from "../base/thenable.ts";
import { withHeaders } from "../language/given_headers.ts";
import type { AddedHeaders } from "../ports/interceptor.ts";

/** How that ended around which an interceptor is. */
type Outcome = { readonly value: unknown } | { readonly error: unknown };

/** One way through one interceptor. It goes on once, and what comes of that passes through. */
export class Passage {
  /** What is to be done, and to what, for errors: `send`, `order/ada add`. */
  readonly #verb: string;
  readonly #subject: { toString(): string };
  #begun = false;
  /** Whether it may no longer go on. */
  #closed = false;
  /** Whether the interceptor has returned a promise. */
  #awaited = false;
  #outcome: Outcome | undefined = undefined;

  constructor(verb: string, subject: { toString(): string }) {
    this.#verb = verb;
    this.#subject = subject;
  }

  /**
   * Goes on with the headers of the message and those that the interceptor adds, if it adds any. Throws if it has gone on
   * before, or if they are not valid.
   */
  go(
    own: AddedHeaders | undefined,
    added: AddedHeaders | undefined,
    next: (headers: AddedHeaders | undefined) => unknown,
  ): unknown {
    if (this.#begun) throw new TypeError(`Cannot ${this.#what} twice: an interceptor goes on once`);
    if (this.#closed) throw new TypeError(`Cannot ${this.#what}: its interceptor is over`);
    const headers = added === undefined ? undefined : withHeaders(own, added);
    this.#begun = true;
    try {
      const value = next(headers);
      this.#outcome = { value };
      if (this.#awaited) quiet(value);
      return value;
    } catch (error) {
      this.#outcome = { error };
      throw error;
    }
  }

  /** Calls the interceptor of a send. `onFailure` gets its error if the message is sent all the same. */
  send(call: () => unknown, onFailure: (error: unknown) => void): unknown {
    try {
      const result = call();
      if (isThenable(result)) this.#watch(result, onFailure);
    } catch (error) {
      if (this.#outcome === undefined) throw error;
      if ("value" in this.#outcome) onFailure(error);
    } finally {
      this.#closed = true;
    }
    return this.#result();
  }

  /** Calls the interceptor of a turn. */
  turn(call: () => unknown): unknown {
    try {
      const result = call();
      const isOwn = this.#outcome !== undefined && "value" in this.#outcome && result === this.#outcome.value;
      if (!isOwn && isThenable(result)) return this.#settled(result);
    } catch (error) {
      this.#closed = true;
      if (this.#outcome === undefined) throw error;
      const value = this.#result(); // throws what the handler has thrown
      if (isThenable(value)) return failsAfter(value, error);
      throw error;
    }
    this.#closed = true;
    return this.#result();
  }

  /** The result of a turn whose interceptor has returned a promise. */
  async #settled(result: PromiseLike<unknown>): Promise<unknown> {
    this.#awaited = true;
    if (this.#outcome !== undefined && "value" in this.#outcome) quiet(this.#outcome.value);
    let failure: { readonly error: unknown } | undefined;
    try {
      await result;
    } catch (error) {
      failure = { error };
    }
    this.#closed = true;
    if (this.#outcome === undefined && failure !== undefined) throw failure.error;
    const value = await this.#result();
    if (failure !== undefined) throw failure.error;
    return value;
  }

  /** Reports that the promise of an interceptor rejects, unless it is with what its send ends with. */
  #watch(result: PromiseLike<unknown>, onFailure: (error: unknown) => void): void {
    Promise.resolve(result).then(undefined, async (error) => {
      try {
        await this.#result();
      } catch (own) {
        if (own === error) return;
      }
      onFailure(error);
    });
  }

  get #what(): string {
    return `${this.#verb} ${this.#subject}`;
  }

  /** What came of it: returns or throws that. Throws a `TypeError` if it did not go on. */
  #result(): unknown {
    const outcome = this.#outcome;
    if (outcome === undefined) throw new TypeError(`Cannot ${this.#what}: its interceptor did not go on`);
    if ("error" in outcome) throw outcome.error;
    return outcome.value;
  }
}

/** The handler still runs: its actor takes no other message before it has settled. */
async function failsAfter(handled: PromiseLike<unknown>, error: unknown): Promise<never> {
  await handled;
  throw error;
}

/** Whoever else waits for a promise is told if it rejects. */
function quiet(value: unknown): void {
  if (isThenable(value)) Promise.resolve(value).then(undefined, () => {});
}
