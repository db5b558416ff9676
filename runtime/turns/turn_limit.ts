import { TurnTimeoutError } from "../base/errors.ts";
import type { Deadlines, DeadlineWaiter, SharedDeadline } from "../scheduling/deadlines.ts";
import type { Turn } from "./turn.ts";

/**
 * The time of one awaited handler. It counts from the moment at which the handler returned its promise, so a handler
 * that returns at once needs no clock. When the time is up, the context of the turn is revoked, its signal aborts, and
 * the turn fails.
 */
export class TurnLimit implements DeadlineWaiter {
  before: DeadlineWaiter | undefined = undefined;
  after: DeadlineWaiter | undefined = undefined;
  readonly #turn: Turn;
  readonly #fail: (error: TurnTimeoutError) => void;
  #deadline: SharedDeadline | undefined;

  private constructor(
    turn: Turn,
    deadlines: Deadlines,
    turnMs: number,
    fail: (error: TurnTimeoutError) => void,
  ) {
    this.#turn = turn;
    this.#fail = fail;
    this.#deadline = deadlines.add(this, turnMs);
  }

  /**
   * The result of a handler that returned a promise, within `turnMs` milliseconds if they are given. After that it
   * rejects with a `TurnTimeoutError`, and what the handler still does has no effect.
   */
  static within(
    turn: Turn,
    result: unknown,
    turnMs: number | undefined,
    deadlines: Deadlines,
  ): Promise<unknown> {
    const promise = Promise.resolve(result); // a thenable may call back at once, or throw here
    if (turnMs === undefined) return promise;
    return new Promise((resolve, reject) => {
      const limit = new TurnLimit(turn, deadlines, turnMs, reject);
      promise.then((value) => {
        limit.end();
        resolve(value);
      }, (error) => {
        limit.end();
        reject(error);
      });
    });
  }

  expire(): void {
    const { timeoutMs } = this.#deadline!;
    this.end();
    const error = new TurnTimeoutError(`${this.#turn}`, timeoutMs);
    this.#turn.close(); // before the listeners of the signal run: what they do has no effect
    this.#turn.abort(error);
    this.#fail(error);
  }

  /** The system has stopped, and answers for the turn itself. */
  stopped(): void {
    this.end();
  }

  private end(): void {
    this.#deadline?.remove(this);
    this.#deadline = undefined;
  }
}
