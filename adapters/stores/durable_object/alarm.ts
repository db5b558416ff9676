import type { Clock } from "../../../runtime/base/clock.ts";
import { messageOf } from "../../../runtime/base/errors.ts";
import { StoreError } from "../../../runtime/base/store_errors.ts";
import type { ObjectStorage } from "./storage.ts";

/** An alarm that is due so soon may have rung already: the clock of the platform is not quite that of the object. */
const earlyMs = 1_000;

/**
 * The alarm of a Durable Object. Setting it is a written row, and so is deleting it: an alarm that rings although nothing
 * waits any more costs less, so it is left.
 */
export class ObjectAlarm {
  readonly #storage: Pick<ObjectStorage, "setAlarm">;
  readonly #clock: Clock;
  /** When it is set to; `null` if it is not. */
  #atMs: number | null;
  #failure: unknown;

  constructor(storage: Pick<ObjectStorage, "setAlarm">, clock: Clock, atMs: number | null) {
    this.#storage = storage;
    this.#clock = clock;
    this.#atMs = atMs;
  }

  /** Sets it, unless it rings by then. It is written in one transaction with the commit that follows. */
  wakeAt(atMs: number | undefined): void {
    if (atMs === undefined) return;
    if (this.#atMs !== null && this.#atMs <= atMs && this.#atMs > this.#clock.now() + earlyMs) return;
    this.#atMs = Math.ceil(atMs);
    try {
      this.#storage.setAlarm(this.#atMs).catch((error) => this.#fail(error));
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Throws a `StoreError` if it could not be set: whatever is committed might never be looked at. */
  requireSet(): void {
    const failure = this.#failure;
    this.#failure = undefined;
    if (failure === undefined) return;
    const message = `Cannot set the alarm of the Durable Object: ${messageOf(failure)}`;
    throw new StoreError("store-unavailable", message, { cause: failure });
  }

  #fail(error: unknown): void {
    this.#failure = error;
    this.#atMs = null;
  }
}
