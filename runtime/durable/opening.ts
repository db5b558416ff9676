import type { Cancel, Clock } from "../base/clock.ts";
import { messageOf, PosthornError, StoppedError } from "../base/errors.ts";
import type { Random } from "../base/random.ts";
import { StoreError } from "../base/store_errors.ts";
import { isSound } from "../base/thrown.ts";
import { within } from "../base/within.ts";

/** How long an attempt may take before those who wait for it are told, and another begins beside it. */
const waitMs = 15_000;
/** How long after an attempt that failed, or takes too long, the next one begins: it doubles. */
const backoffMsMin = 1_000;
const backoffMsMax = 30_000;
/** How many attempts may be under way: nothing can end one that never settles. */
const attemptsMax = 10;

/** What an opening takes its time and chance from. */
export interface OpeningServices {
  readonly clock: Clock;
  readonly random: Random;
}

/** What an opening does. */
export interface OpeningParts<Connected, Opened> {
  /** The first step, which changes nothing. It may never settle: then others are tried beside it. */
  connect(): Promise<Connected>;
  /** The second, with one connection at a time, which it closes where it fails. It settles in bounded time. */
  begin(connected: Connected): Promise<Opened>;
  /** It is open. */
  opened(opened: Opened): void;
  /** An attempt failed, or takes long: whoever waits for it should be told. */
  failed(error: unknown): void;
  /** It was connected when nobody wanted it any more. */
  close(connected: Connected): Promise<void>;
  /** It was opened when nobody wanted it any more. */
  discard(opened: Opened): Promise<void>;
}

/**
 * Opens a store, and tries again until it is open: a process that starts while its store is away is not lost for it. An
 * attempt that takes long goes on, and the next one begins beside it. The first connection is used, and each later one
 * closed.
 */
export class Opening<Connected, Opened> {
  /** Resolves when it is open; rejects with why the last attempt failed, until one does not. */
  ready: Promise<void>;
  /** Why the last attempt failed, or that it takes long. */
  failure: unknown;
  readonly #name: string;
  readonly #services: OpeningServices;
  readonly #parts: OpeningParts<Connected, Opened>;
  readonly #first = Promise.withResolvers<void>();
  #opened: Opened | undefined;
  #attempts = 0;
  #underWay = 0;
  /** Whether the next attempt waits until one of those that are under way settles. */
  #held = false;
  readonly #firstAttempt: Promise<void>;
  /** The second step of an attempt; absent where none is in it. It never rejects. */
  #beginning: Promise<void> | undefined;
  /** Takes back the next attempt; and the end of the wait for the latest. */
  #cancel: Cancel = () => {};
  #cancelWait: Cancel = () => {};
  #ended = false;

  /** `name` is that of the store, in errors. */
  constructor(name: string, services: OpeningServices, parts: OpeningParts<Connected, Opened>) {
    this.#name = name;
    this.#services = services;
    this.#parts = parts;
    this.ready = this.#first.promise;
    this.ready.catch(() => {}); // whoever sends hears of it
    this.#firstAttempt = this.#try();
  }

  /** Ends it, and gives what was opened; waits for so long where nothing is known yet. */
  async end(forMs: number): Promise<Opened | undefined> {
    if (this.#attempts === 1 && this.failure === undefined) {
      await within(this.#services.clock, forMs, this.#firstAttempt);
    }
    this.#ended = true;
    this.#stopTrying();
    this.#first.reject(new StoppedError("Cannot use the store: the system has stopped")); // unless it is known
    return this.#opened;
  }

  async #try(): Promise<void> {
    this.#attempts++;
    this.#underWay++;
    let late = false;
    const cancelWait = this.#cancelWait = this.#services.clock.setTimer(waitMs, () => {
      late = true;
      this.#failed(new Error(this.#lateness()));
      this.#tryLater();
    });
    try {
      await this.#use(await this.#parts.connect());
      this.#underWay--;
      cancelWait();
    } catch (error) {
      this.#underWay--;
      cancelWait();
      if (this.#isOver) return;
      this.#failed(error);
      if (!late || this.#held) this.#tryLater(); // else the next is on its way
    }
  }

  /** Goes on with a connection, unless another is open by then. */
  async #use(connected: Connected): Promise<void> {
    while (this.#beginning !== undefined) await this.#beginning;
    if (this.#isOver) return await this.#parts.close(connected);
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#beginning = promise;
    try {
      const opened = await this.#parts.begin(connected);
      if (this.#ended) return await this.#parts.discard(opened);
      this.#opened = opened;
      this.#stopTrying();
      this.failure = undefined;
      this.#first.resolve();
      this.ready = Promise.resolve();
      this.#parts.opened(opened);
    } finally {
      this.#beginning = undefined;
      resolve();
    }
  }

  #tryLater(): void {
    this.#held = this.#underWay >= attemptsMax;
    if (this.#held) return;
    const { clock, random } = this.#services;
    const backoffMs = Math.min(backoffMsMin * 2 ** (this.#attempts - 1), backoffMsMax);
    this.#cancel = clock.setTimer(backoffMs * (0.5 + random.next() / 2), () => void this.#try());
  }

  #stopTrying(): void {
    this.#cancel();
    this.#cancelWait();
  }

  get #isOver(): boolean {
    return this.#ended || this.#opened !== undefined;
  }

  #lateness(): string {
    const late = `it did not answer within ${waitMs} ms`;
    if (this.#underWay < attemptsMax) return late;
    return `${late}, and ${this.#underWay} of ${attemptsMax} attempts are under way`;
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
