import type { Clock } from "../base/clock.ts";
import { LimitExceededError, NotFoundError, PosthornError, StoppedError } from "../base/errors.ts";
import { OutcomeUnknownError, TooLargeError } from "../base/store_errors.ts";
import type { Destination, Parcel, Refusal, TransportTraits } from "../ports/transport.ts";
import { codeOf } from "../base/thrown.ts";
import { laneOf, shownDestination } from "./lane.ts";
import { inPlaceOf } from "./outbox_row.ts";
import { type Batch, type LaneSource, Pump, type PumpServices } from "./pump.ts";

/** How many parcels to one destination may wait in memory for the broker, and how many bytes of bodies. */
const laneMax: Size = { parcels: 10_000, bytes: 67_108_864 };
/** How many may wait together: so a destination that is full leaves room for others. */
const totalMax: Size = { parcels: 4 * laneMax.parcels, bytes: 4 * laneMax.bytes };
/** How often those for which nobody waits any more make room while there is none, in milliseconds. */
const sweepMs = 100;
/** The most bytes of bodies in one batch, unless it is one parcel. */
const batchBytesMax = 4_194_304;

interface Size {
  parcels: number;
  bytes: number;
}

/** How a parcel in memory is sent. */
export interface ParcelOptions {
  /** Whether nobody waits for it any more: then it is not sent. */
  over?(): boolean;
  /** Whether it is sent at most once: not again if nobody knows whether the broker has it. */
  readonly once?: boolean;
}

interface Waiting extends ParcelOptions {
  readonly parcel: Parcel;
  resolve(): void;
  reject(error: unknown): void;
}

/** What the lanes in memory need. */
export interface MemoryLanesServices {
  readonly clock: Clock;
  readonly traits: TransportTraits;
  /** The lanes have become empty. */
  onIdle(): void;
}

/** Parcels that wait in memory for the broker, one lane for each destination. They are lost with this process. */
export class MemoryLanes {
  readonly #pump: PumpServices;
  readonly #services: MemoryLanesServices;
  readonly #lanes = new Map<string, MemoryLane>();
  readonly #total: Size = { parcels: 0, bytes: 0 };
  /** When those for which nobody waits were removed, to make room. */
  #sweptMs = -Infinity;
  /** Why it sends nothing any more. */
  #ended: unknown;

  constructor(pump: PumpServices, services: MemoryLanesServices) {
    this.#pump = pump;
    this.#services = services;
  }

  /** How many parcels wait. */
  get waiting(): number {
    return this.#total.parcels;
  }

  /** How many parcels wait in each lane. */
  *counts(): Generator<readonly [lane: string, waiting: number], void> {
    for (const [name, { size }] of this.#lanes) yield [name, size.parcels];
  }

  /**
   * Sends a parcel behind those to the same destination. Resolves when the broker has it, or when nobody waits for it
   * any more. Rejects with the reason if the broker will not have it, with a `LimitExceededError` (`outbox-full`), or, if
   * the system stops first, with a `StoppedError` or an `OutcomeUnknownError`.
   */
  send(parcel: Parcel, options: ParcelOptions = {}): Promise<void> {
    return new Promise((resolve, reject) => {
      const refuse = (error: unknown) => {
        this.#tell(parcel, error);
        reject(error);
      };
      const refusal = this.#refusal(parcel);
      if (refusal !== undefined) return refuse(refusal);
      const lane = this.#laneFor(parcel);
      const count = (parcels: 1 | -1) => {
        for (const size of [lane.size, this.#total]) {
          size.parcels += parcels;
          size.bytes += parcels * parcel.body.length;
        }
      };
      count(1);
      const settled = (settle: () => void) => {
        count(-1);
        settle();
      };
      lane.push({
        ...options,
        parcel,
        resolve: () => settled(resolve),
        reject: (error) => settled(() => refuse(error)),
      });
    });
  }

  /** Tells who waits for a reply that it is too large to be sent. */
  #tell(parcel: Parcel, error: unknown): void {
    const failure = codeOf(error, "") === "too-large" ? inPlaceOf(parcel, error) : undefined;
    if (failure !== undefined) this.send(failure).catch(() => {}); // `error` is reported
  }

  /**
   * Sends a parcel that may be lost, unless others to the same destination wait. Returns `false` if it did not: then it
   * is a matter of `send`. `failed` is called later if the broker will not have it, or, unless it is sent `once`, if the
   * system has stopped and nobody knows whether the broker has it.
   */
  sendNow(parcel: Parcel, options: ParcelOptions, failed: (error: PosthornError) => void): boolean {
    const { connection } = this.#pump;
    if (connection?.sendNow === undefined || this.#ended !== undefined) return false;
    if (this.#lanes.size > 0 && this.#lanes.has(laneOf(parcel.to))) return false;
    return connection.sendNow(parcel, (refusal) => {
      if (refusal !== undefined) {
        const error = errorOfRefusal(refusal, parcel);
        this.#tell(parcel, error);
        failed(error);
      } else if (options.once === true) return;
      else if (this.#ended !== undefined) failed(unknownOutcome(parcel, this.#ended));
      else this.send(parcel, options).catch(failed);
    });
  }

  /** The broker is back. */
  goOn(): void {
    for (const lane of this.#lanes.values()) lane.pump.goOn();
  }

  /**
   * Gives up what waits, because of an error, or because the system stops. Resolves when the batches under way have been
   * answered.
   */
  async end(error?: unknown): Promise<void> {
    this.#ended ??= error ?? new StoppedError("Cannot send to another service: the system has stopped");
    await Promise.all([...this.#lanes.values()].map((lane) => lane.end(this.#ended)));
  }

  #refusal({ to, body }: Parcel): unknown {
    const what = shownDestination(to);
    if (this.#ended !== undefined) return this.#ended;
    const { messageBytes } = this.#services.traits;
    if (body.length > messageBytes) {
      return new TooLargeError(what, "bytes", body.length, messageBytes, "send to");
    }
    const full = this.#full(to, body.length);
    return full &&
      new LimitExceededError("outbox-full", `Cannot send to ${what}: ${full} wait in memory for the broker`);
  }

  /** How much waits, if there is no room for one more. */
  #full(to: Destination, bytes: number): string | undefined {
    const full = this.#fullNow(to, bytes);
    const nowMs = this.#services.clock.monotonicMs();
    if (full === undefined || nowMs < this.#sweptMs + sweepMs) return full;
    this.#sweptMs = nowMs;
    for (const lane of this.#lanes.values()) lane.sweep();
    return this.#fullNow(to, bytes);
  }

  #fullNow(to: Destination, bytes: number): string | undefined {
    const lane = this.#lanes.get(laneOf(to));
    return (lane && fullness(lane.size, bytes, laneMax)) ?? fullness(this.#total, bytes, totalMax);
  }

  #laneFor({ to }: Parcel): MemoryLane {
    const name = laneOf(to);
    const known = this.#lanes.get(name);
    if (known !== undefined) return known;
    const lane = new MemoryLane(this.#pump, this.#services, () => {
      this.#lanes.delete(name);
      if (this.#lanes.size === 0) this.#services.onIdle();
    });
    this.#lanes.set(name, lane);
    return lane;
  }
}

/** The parcels in memory for one destination. */
class MemoryLane implements LaneSource {
  readonly pump: Pump;
  /** How much waits in it. */
  readonly size: Size = { parcels: 0, bytes: 0 };
  readonly #services: MemoryLanesServices;
  readonly #onEmpty: () => void;
  #queue: Waiting[] = [];
  /** How many at the head may be at the broker already, and whether they are being sent. */
  #sent = 0;
  #sending = false;

  constructor(pump: PumpServices, services: MemoryLanesServices, onEmpty: () => void) {
    this.#services = services;
    this.#onEmpty = onEmpty;
    this.pump = new Pump(pump, this);
  }

  push(waiting: Waiting): void {
    this.#queue.push(waiting);
    this.pump.wake();
  }

  /** Removes those for which nobody waits any more, unless they are being sent. */
  sweep(): void {
    if (!this.#sending) this.#dropOver();
  }

  next(): Batch | undefined {
    this.#dropOver();
    const taken: Waiting[] = [];
    let bytes = 0;
    for (const waiting of this.#queue) {
      bytes += waiting.parcel.body.length;
      if (taken.length >= this.#services.traits.parcelsAtOnce) break;
      if (taken.length > 0 && bytes > batchBytesMax) break;
      taken.push(waiting);
    }
    if (taken.length === 0) return undefined;
    this.#sent = taken.length;
    this.#sending = true;
    return {
      parcels: taken.map(({ parcel }) => parcel),
      sent: (answers) => this.#answered(taken, answers),
      unknown: () => this.#unknown(taken),
    };
  }

  onIdle(): void {
    if (this.#queue.length === 0) this.#onEmpty();
  }

  async end(cause: unknown): Promise<void> {
    await this.pump.end();
    for (const [index, { parcel, reject }] of this.#queue.splice(0).entries()) {
      reject(index < this.#sent ? unknownOutcome(parcel, cause) : cause);
    }
    this.#onEmpty();
  }

  #answered(taken: readonly Waiting[], answers: readonly (Refusal | undefined)[]): boolean {
    this.#queue.splice(0, taken.length);
    this.#sent = 0;
    this.#sending = false;
    for (const [index, { parcel, resolve, reject }] of taken.entries()) {
      const refusal = answers[index];
      if (refusal === undefined) resolve();
      else reject(errorOfRefusal(refusal, parcel));
    }
    return true;
  }

  /** The whole batch is sent again, but for what must not be sent twice: its reply may still come. */
  #unknown(taken: readonly Waiting[]): void {
    const again = taken.filter(({ once }) => once !== true);
    this.#queue.splice(0, taken.length, ...again);
    this.#sent = again.length;
    this.#sending = false;
    for (const { once, resolve } of taken) if (once === true) resolve();
  }

  #dropOver(): void {
    const nowMs = this.#services.clock.now();
    const isOver = ({ parcel, over }: Waiting) =>
      over?.() === true || (parcel.expiresAtMs ?? Infinity) <= nowMs;
    if (!this.#queue.some(isOver)) return;
    const left: Waiting[] = [];
    let sent = 0;
    for (const [index, waiting] of this.#queue.entries()) {
      if (isOver(waiting)) waiting.resolve();
      else {
        left.push(waiting);
        if (index < this.#sent) sent++;
      }
    }
    this.#queue = left;
    this.#sent = sent;
  }
}

/** How much waits, if that is as much as may. */
function fullness(size: Size, bytes: number, most: Size): string | undefined {
  if (size.parcels >= most.parcels) return `${size.parcels} of ${most.parcels} messages`;
  return size.bytes + bytes > most.bytes ? `${size.bytes} of ${most.bytes} bytes` : undefined;
}

/** The error of a send of which nobody knows, because nothing is sent any more. */
function unknownOutcome({ to }: Parcel, cause: unknown): OutcomeUnknownError {
  return new OutcomeUnknownError(`Cannot tell whether ${shownDestination(to)} got a message`, { cause });
}

/** The error of a send that the broker refused. */
function errorOfRefusal({ code, message }: Refusal, { to }: Parcel): PosthornError {
  const what = `Cannot send to ${shownDestination(to)}: ${message}`;
  if (code === "no-receiver") return new NotFoundError(code, what);
  return new PosthornError(code === "refused" ? "undeliverable" : code, what);
}
