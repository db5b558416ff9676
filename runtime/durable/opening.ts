import type { Cancel, Clock } from "../base/clock.ts";
import { messageOf, PosthornError, StoppedError } from "../base/errors.ts";
import type { Random } from "../base/random.ts";
import { isOfStore, StoreError } from "../base/store_errors.ts";
import { isSound } from "../base/thrown.ts";
import { within } from "../base/within.ts";
import type { StoreTraits } from "../ports/store.ts";

/** How long an attempt may take before waiting calls reject and another attempt begins beside it. */
const waitMs = 15_000;
/** For how long attempts may fail for a reason that will probably pass before waiting calls reject. */
const patienceMs = 20_000;
/**
 * How long after an attempt fails or takes too long the next one begins. It doubles with each attempt, up to the interval
 * of heartbeats.
 */
const backoffMsMin = 250;
/** How many attempts may be under way. An attempt that never settles cannot be ended. */
const attemptsMax = 10;

/** The clock and the randomness of an opening. */
export interface OpeningServices {
  readonly clock: Clock;
  readonly random: Random;
}

/** The steps of an opening, and what it reports. */
export interface OpeningParts<Connected, Opened> {
  /** The first step, which changes nothing. If it does not settle, other attempts begin beside it. */
  connect(): Promise<Connected>;
  /** The second step, for one connection at a time. It settles in bounded time, and closes the connection if it fails. */
  begin(connected: Connected): Promise<Opened>;
  /** The store is open. */
  opened(opened: Opened): void;
  /** The store is not to be expected soon: waiting calls reject. */
  failed(error: unknown): void;
  /** Closes a connection that is not needed any more. */
  close(connected: Connected): Promise<void>;
  /** Closes a store that is not needed any more. */
  discard(opened: Opened): Promise<void>;
}

/**
 * Opens a store, and tries again until it is open, so a process may start while its store is unavailable. If that will
 * probably pass (the server starts), calls wait for a while; if not, they reject at once. If an attempt takes too long,
 * it continues and the next one begins beside it. The first connection is used, and later ones are closed.
 */
export class Opening<Connected, Opened> {
  /** Resolves when the store is open; rejects with the error of the last attempt as long as calls do not wait for it. */
  ready: Promise<void>;
  /** The error of the last attempt, or that the attempt takes too long. */
  failure: unknown;
  readonly #traits: Pick<StoreTraits, "name" | "heartbeatMs">;
  readonly #services: OpeningServices;
  readonly #parts: OpeningParts<Connected, Opened>;
  readonly #first = Promise.withResolvers<void>();
  #opened: Opened | undefined;
  #attempts = 0;
  #underWay = 0;
  /** Whether the next attempt waits until an attempt that is under way settles. */
  #held = false;
  readonly #firstAttempt: Promise<void>;
  /** The second step of an attempt, if one is in it. It never rejects. */
  #beginning: Promise<void> | undefined;
  /** Cancels the next attempt; cancels the time limit of the last one. */
  #cancel: Cancel = () => {};
  #cancelWait: Cancel = () => {};
  /** Rejects what waits when the patience is over. */
  readonly #cancelPatience: Cancel;
  #isPatient = true;
  #ended = false;

  constructor(
    traits: Pick<StoreTraits, "name" | "heartbeatMs">,
    services: OpeningServices,
    parts: OpeningParts<Connected, Opened>,
  ) {
    this.#traits = traits;
    this.#services = services;
    this.#parts = parts;
    this.ready = this.#first.promise;
    this.ready.catch(() => {}); // each send rejects with it
    this.#cancelPatience = services.clock.setTimer(patienceMs, () => {
      if (this.failure === undefined) this.#isPatient = false;
      else this.#reject(this.failure);
    });
    this.#firstAttempt = this.#try();
  }

  /** Stops trying, and returns the opened store. Waits for the first attempt for so long. */
  async end(forMs: number): Promise<Opened | undefined> {
    if (this.#attempts === 1 && this.failure === undefined) {
      await within(this.#services.clock, forMs, this.#firstAttempt);
    }
    this.#ended = true;
    this.#stopTrying();
    this.#first.reject(new StoppedError("Cannot use the store: the system has stopped")); // if it has not settled
    return this.#opened;
  }

  async #try(): Promise<void> {
    this.#attempts++;
    this.#underWay++;
    let late = false;
    const cancelWait = this.#cancelWait = this.#services.clock.setTimer(waitMs, () => {
      late = true;
      this.#failed(new Error(this.#lateness()), false);
      this.#tryLater();
    });
    let connected = false;
    try {
      const connection = await this.#parts.connect();
      connected = true;
      await this.#use(connection);
      this.#underWay--;
      cancelWait();
    } catch (error) {
      this.#underWay--;
      cancelWait();
      if (this.#isOver) return;
      this.#failed(error, mayPass(error, connected));
      if (!late || this.#held) this.#tryLater(); // else the next is on its way
    }
  }

  /** Takes the second step with a connection, unless the store is open by then. */
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
    const backoffMs = Math.min(backoffMsMin * 2 ** (this.#attempts - 1), this.#traits.heartbeatMs);
    this.#cancel = clock.setTimer(backoffMs * (0.5 + random.next() / 2), () => void this.#try());
  }

  #stopTrying(): void {
    this.#cancel();
    this.#cancelWait();
    this.#cancelPatience();
  }

  get #isOver(): boolean {
    return this.#ended || this.#opened !== undefined;
  }

  #lateness(): string {
    const late = `it did not answer within ${waitMs} ms`;
    if (this.#underWay < attemptsMax) return late;
    return `${late}, and ${this.#underWay} of ${attemptsMax} attempts are under way`;
  }

  /** An attempt failed, or takes too long. If it may pass, calls wait for the next one. */
  #failed(cause: unknown, mayPass: boolean): void {
    this.failure = isSound(cause, PosthornError)
      ? cause
      : new StoreError("store-unavailable", `Cannot open ${this.#traits.name}: ${messageOf(cause)}`, {
        cause,
      });
    if (!mayPass || !this.#isPatient) this.#reject(this.failure);
  }

  #reject(error: unknown): void {
    this.#isPatient = false;
    this.#cancelPatience();
    this.#first.reject(error);
    this.ready = Promise.reject(error);
    this.ready.catch(() => {}); // each send rejects with it
    this.#parts.failed(error);
  }
}

/** Whether an error of an attempt will probably pass. Once a connection is there, all that fails is what the store fails. */
function mayPass(error: unknown, connected: boolean): boolean {
  if (!isSound(error, PosthornError)) return false;
  if (error instanceof StoreError && error.temporary) return true;
  return connected && isOfStore(error) && error.code !== "store-full";
}
