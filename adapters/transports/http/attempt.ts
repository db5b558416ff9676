import type { Clock } from "../../../runtime/base/clock.ts";
import { PosthornError } from "../../../runtime/base/errors.ts";

/** A request under way: it ends when its time is up, or when the connection is closed. */
export class Attempt {
  readonly #controller = new AbortController();
  readonly #clock: Clock;
  readonly #over: () => void;
  #cancel: (() => void) | undefined;
  readonly #aborted: Promise<never>;

  /** `over` is called when it has ended. */
  constructor(clock: Clock, over: () => void) {
    this.#clock = clock;
    this.#over = over;
    this.#aborted = new Promise((_, reject) => {
      this.signal.addEventListener("abort", () => reject(this.signal.reason), { once: true });
    });
    this.#aborted.catch(() => {}); // whoever waits for something of it is told
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** From now on it has so much time. */
  limit(ms: number, what: string): void {
    this.#cancel?.();
    this.#cancel = this.#clock.setTimer(ms, () => {
      this.abort(new PosthornError("transport-unavailable", `${what} in ${ms} ms`));
    });
  }

  /** The result of a promise; rejects when the attempt is aborted first, whatever the platform does with its signal. */
  wait<Result>(promise: Promise<Result>): Promise<Result> {
    return Promise.race([promise, this.#aborted]);
  }

  abort(reason: PosthornError): void {
    this.#controller.abort(reason);
  }

  /** It has ended. */
  end(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    this.#over();
  }
}
