import { isThenable } from "../base/thenable.ts";
import { withHeaders } from "../language/given_headers.ts";
import type { InspectedMessage } from "../ports/inspection.ts";
import type { AddedHeaders, GoOn, Interceptor } from "../ports/interceptor.ts";

/** One way through one interceptor. It goes on once, and what comes of that passes through. */
export abstract class Passage {
  /** The function that goes on, which the interceptor gets. */
  readonly goOn: GoOn = (added) => this.#go(added);
  #begun = false;
  /** Whether it may no longer go on. */
  #closed = false;
  /** Whether the interceptor has returned a promise. */
  #awaited = false;
  /** What came of going on: a value, or an error. */
  #outcome: "none" | "value" | "error" = "none";
  #value: unknown = undefined;

  /** What is to be done, for errors: `send order/ada add`. */
  protected abstract get what(): string;
  /** The headers of the message, beside those that the interceptor adds. */
  protected abstract get headers(): AddedHeaders | undefined;
  /** Goes on with all headers, if the interceptor has added some. */
  protected abstract next(headers: AddedHeaders | undefined, added: AddedHeaders | undefined): unknown;
  /** Throws if it is too late to go on. */
  protected requireOpen(): void {}

  /** Goes on. Throws if it has gone on before, or if the headers that are added are not valid. */
  #go(added: AddedHeaders | undefined): unknown {
    this.requireOpen();
    if (this.#begun) throw new TypeError(`Cannot ${this.what} twice: an interceptor goes on once`);
    if (this.#closed) throw new TypeError(`Cannot ${this.what}: its interceptor is over`);
    const headers = added === undefined ? undefined : withHeaders(this.headers, added);
    this.#begun = true;
    try {
      const value = this.#value = this.next(headers, added);
      this.#outcome = "value";
      if (this.#awaited) quiet(value);
      return value;
    } catch (error) {
      this.#value = error;
      this.#outcome = "error";
      throw error;
    }
  }

  /** Calls the interceptor of a send. `onFailure` gets its error if the message is sent all the same. */
  send(interceptor: Interceptor, view: InspectedMessage, onFailure: (error: unknown) => void): unknown {
    try {
      const result = interceptor.send!(view, this.goOn);
      // What its send ends with need not be watched, and would keep all of this until then.
      if (!this.#isOwn(result) && isThenable(result)) this.#watch(result, onFailure);
    } catch (error) {
      if (this.#outcome === "none") throw error;
      if (this.#outcome === "value") onFailure(error);
    } finally {
      this.#closed = true;
    }
    return this.#result();
  }

  /** Calls the interceptor of a turn. */
  turn(interceptor: Interceptor, view: InspectedMessage): unknown {
    try {
      const result = interceptor.turn!(view, this.goOn);
      if (!this.#isOwn(result) && isThenable(result)) return this.#settled(result);
    } catch (error) {
      this.#closed = true;
      if (this.#outcome === "none") throw error;
      const value = this.#result(); // throws what the handler has thrown
      if (isThenable(value)) return failsAfter(value, error);
      throw error;
    }
    this.#closed = true;
    return this.#result();
  }

  /** Whether an interceptor has returned what came of going on. */
  #isOwn(result: unknown): boolean {
    return this.#outcome === "value" && result === this.#value;
  }

  /** The result of a turn whose interceptor has returned a promise. */
  async #settled(result: PromiseLike<unknown>): Promise<unknown> {
    this.#awaited = true;
    if (this.#outcome === "value") quiet(this.#value);
    let failure: { readonly error: unknown } | undefined;
    try {
      await result;
    } catch (error) {
      failure = { error };
    }
    this.#closed = true;
    if (this.#outcome === "none" && failure !== undefined) throw failure.error;
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

  /** What came of it: returns or throws that. Throws a `TypeError` if it did not go on. */
  #result(): unknown {
    if (this.#outcome === "none") throw new TypeError(`Cannot ${this.what}: its interceptor did not go on`);
    if (this.#outcome === "error") throw this.#value;
    return this.#value;
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
