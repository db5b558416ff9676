import type { Random } from "../base/random.ts";
import type { Parcel, Refusal, TransportConnection } from "../ports/transport.ts";
import { isUnavailable } from "../scheduling/retry_while_unavailable.ts";
import type { Timer, Timers } from "../scheduling/timers.ts";

/** The pause after a first failure, in milliseconds; it doubles with each further one. A random part is taken away. */
const pauseMsMin = 100;
const pauseMsMax = 5_000;

/** Some parcels to one destination, and what becomes of them. */
export interface Batch {
  readonly parcels: readonly Parcel[];
  /** The broker answered each. Resolves with whether the lane goes on at once; else it waits before the next batch. */
  sent(answers: readonly (Refusal | undefined)[]): boolean | Promise<boolean>;
  /** Nobody knows about some of them. */
  unknown(error: unknown): void;
}

/** What waits in one lane. */
export interface LaneSource {
  /** The batch at the head; `undefined` if nothing waits. Rejects if that cannot be read at present. */
  next(): Batch | undefined | Promise<Batch | undefined>;
  /** Nothing waits, and nothing is under way. */
  onIdle(): void;
}

/** What a pump needs. */
export interface PumpServices {
  /** The connection; absent until the transport is open. */
  readonly connection: Pick<TransportConnection, "send" | "sendNow" | "state"> | undefined;
  readonly timers: Timers;
  readonly random: Random;
  /** Reports a failure that no call can report. */
  report(error: unknown): void;
}

/**
 * Sends what waits in one lane: a batch from the head, the next after the answer to it, and from the head again if
 * nobody knows what became of it. While the broker is away it waits until it is told that the broker is back.
 */
export class Pump {
  readonly #services: PumpServices;
  readonly #source: LaneSource;
  /** The run under way. It never rejects. */
  #running: Promise<void> | undefined;
  /** Whether something came to the lane since the run under way last looked. */
  #again = false;
  #failures = 0;
  #pause: { readonly timer: Timer; goOn(): void } | undefined;
  #ended = false;

  constructor(services: PumpServices, source: LaneSource) {
    this.#services = services;
    this.#source = source;
  }

  /** Whether a batch is under way, or waits to be sent again. */
  get busy(): boolean {
    return this.#running !== undefined;
  }

  /** Whether it waits after a failure. */
  get waits(): boolean {
    return this.#pause !== undefined;
  }

  /** Something waits in the lane. */
  wake(): void {
    this.#again = true;
    if (this.#ended) return;
    this.#running ??= this.#run();
  }

  /** The broker is back: goes on at once. */
  goOn(): void {
    if (this.#pause !== undefined) this.#pause.goOn();
    else this.wake();
  }

  /** Sends no further batch. Resolves when the answer to the one under way has been handled. */
  async end(): Promise<void> {
    this.#ended = true;
    this.#pause?.goOn();
    await this.#running;
  }

  async #run(): Promise<void> {
    await Promise.resolve(); // what is sent in the same turn goes into one batch
    for (let up = upOf(this.#services); up !== undefined && !this.#ended; up = upOf(this.#services)) {
      this.#again = false;
      const more = await this.#sendBatch(up);
      if (more === "wait") await this.#wait();
      else if (more === "none" && !this.#again) break;
    }
    this.#running = undefined;
    this.#source.onIdle();
  }

  async #sendBatch(connection: Pick<TransportConnection, "send">): Promise<"more" | "none" | "wait"> {
    try {
      const batch = await this.#source.next();
      if (batch === undefined) return "none";
      let answers: readonly (Refusal | undefined)[];
      try {
        answers = await connection.send(batch.parcels);
      } catch (error) {
        batch.unknown(error);
        throw error;
      }
      if (!await batch.sent(answers)) return "wait";
      this.#failures = 0;
      return "more";
    } catch (error) {
      // A store that is away is told by the health of the store.
      if (!this.#ended && this.#failures === 0 && !isUnavailable(error)) this.#services.report(error);
      return "wait";
    }
  }

  #wait(): Promise<void> {
    if (this.#ended) return Promise.resolve();
    const { timers, random } = this.#services;
    const longestMs = Math.min(pauseMsMin * 2 ** this.#failures++, pauseMsMax);
    return new Promise((resolve) => {
      const goOn = () => {
        timer.cancel();
        this.#pause = undefined;
        resolve();
      };
      const timer = timers.set(longestMs * (0.5 + random.next() / 2), goOn, goOn);
      this.#pause = { timer, goOn };
      if (!timer.waiting) goOn(); // the system has stopped
    });
  }
}

/** The connection, if it makes sense to send: a broker that takes nothing at present lets a send wait. */
export function upOf({ connection }: PumpServices): Pick<TransportConnection, "send"> | undefined {
  const status = connection?.state.status;
  return status === "connected" || status === "blocked" ? connection : undefined;
}
