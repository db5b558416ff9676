import type { Cancel, Clock } from "../clock.ts";
import { messageOf, PosthornError, StoppedError } from "../errors.ts";
import type { Random } from "../random.ts";
import { StoreError } from "../store_errors.ts";
import { isSound } from "../thrown.ts";
import { within } from "../within.ts";

/** How long those who wait for an attempt wait at the most; it goes on. */
const waitMs = 15_000;
/** How long after an attempt that failed the next one begins: it doubles. */
const backoffMsMin = 1_000;
const backoffMsMax = 30_000;

/** What an opening takes its time and chance from. */
export interface OpeningServices {
  readonly clock: Clock;
  readonly random: Random;
}

/** What an opening does. */
export interface OpeningParts<Opened> {
  open(): Promise<Opened>;
  /** It is open. */
  opened(opened: Opened): void;
  /** An attempt failed, or takes long: whoever waits for it should be told. */
  failed(error: unknown): void;
  /** It was opened when nobody wanted it any more. */
  discard(opened: Opened): Promise<void>;
}

/** Opens a store, and tries again until it is open: a process that starts while its store is away is not lost for it. */
export class Opening<Opened> {
  /** Resolves when it is open; rejects with why the last attempt failed, until one does not. */
  ready: Promise<void>;
  /** Why the last attempt failed, or that it takes long. */
  failure: unknown;
  readonly #name: string;
  readonly #services: OpeningServices;
  readonly #parts: OpeningParts<Opened>;
  readonly #first = Promise.withResolvers<void>();
  #opened: Opened | undefined;
  #attempts = 0;
  #attempt: Promise<void>;
  /** Takes back the next attempt; and the end of the wait for this one. */
  #cancel: Cancel = () => {};
  #cancelWait: Cancel = () => {};
  #ended = false;

  /** `name` is that of the store, in errors. */
  constructor(name: string, services: OpeningServices, parts: OpeningParts<Opened>) {
    this.#name = name;
    this.#services = services;
    this.#parts = parts;
    this.ready = this.#first.promise;
    this.ready.catch(() => {}); // whoever sends hears of it
    this.#attempt = this.#try();
  }

  /** Ends it, and gives what was opened; waits for so long where nothing is known yet. */
  async end(forMs: number): Promise<Opened | undefined> {
    if (this.#attempts === 1 && this.failure === undefined) {
      await within(this.#services.clock, forMs, this.#attempt);
    }
    this.#ended = true;
    this.#cancel();
    this.#cancelWait();
    this.#first.reject(new StoppedError("Cannot use the store: the system has stopped")); // unless it is known
    return this.#opened;
  }

  async #try(): Promise<void> {
    const { clock, random } = this.#services;
    this.#attempts++;
    const late = `it did not answer within ${waitMs} ms`;
    this.#cancelWait = clock.setTimer(waitMs, () => this.#failed(new Error(late)));
    try {
      const opened = await this.#parts.open();
      if (this.#ended) return await this.#parts.discard(opened);
      this.#opened = opened;
      this.failure = undefined;
      this.#first.resolve();
      this.ready = Promise.resolve();
      this.#parts.opened(opened);
    } catch (error) {
      if (this.#ended) return;
      this.#failed(error);
      const backoffMs = Math.min(backoffMsMin * 2 ** (this.#attempts - 1), backoffMsMax);
      this.#cancel = clock.setTimer(backoffMs * (0.5 + random.next() / 2), () => this.#attempt = this.#try());
    } finally {
      this.#cancelWait();
    }
  }

  #failed(cause: unknown): void {
    const error = isSound(cause, PosthornError)
      ? cause
      : new StoreError("store-unavailable", `Cannot open ${this.#name}: ${messageOf(cause)}`, {
        cause,
      });
    this.failure = error;
    this.#first.reject(error);
    this.ready = Promise.reject(error);
    this.ready.catch(() => {}); // whoever sends hears of it
    this.#parts.failed(error);
  }
}
