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
  /** When it is set to; `null` if it is not. */
  #atMs: number | null;
  /** The earliest time that it could not be set to, and why: whoever has told it does not tell it again. */
  #missed: { readonly atMs: number; readonly why: unknown } | undefined;
  /** Resolves when the platform has answered; absent if it is not asked. */
  #setting: Promise<void> | undefined;

  constructor(storage: Pick<ObjectStorage, "setAlarm">, atMs: number | null) {
    this.#storage = storage;
    this.#atMs = atMs;
  }

  /** Sets it, unless it rings by then. The next commit waits until it is set. */
  wakeAt(atMs: number | undefined, clock: Clock): void {
    if (atMs === undefined) return;
    if (this.#atMs !== null && this.#atMs <= atMs && this.#atMs > clock.now() + earlyMs) return;
    this.#set(Math.ceil(Math.min(atMs, this.#missed?.atMs ?? Infinity)));
  }

  /** Whether a commit must wait until it is set. */
  get isUnset(): boolean {
    return this.#setting !== undefined || this.#missed !== undefined;
  }

  /** Resolves when it is set. Rejects with a `StoreError` if it cannot be: what is committed might never be looked at. */
  async requireSet(): Promise<void> {
    if (this.#setting === undefined && this.#missed !== undefined) this.#set(this.#missed.atMs);
    await this.#setting;
    if (this.#missed === undefined) return;
    const { why: cause } = this.#missed;
    const message = `Cannot set the alarm of the Durable Object: ${messageOf(cause)}`;
    throw new StoreError("store-unavailable", message, { cause });
  }

  #set(atMs: number): void {
    this.#atMs = atMs;
    const setting = this.#ask(atMs).then(() => {
      if (this.#missed !== undefined && atMs <= this.#missed.atMs) this.#missed = undefined;
    }, (why) => {
      if (this.#atMs !== atMs) return; // it was set to another time meanwhile
      this.#atMs = null;
      this.#missed = { atMs, why };
    }).finally(() => {
      if (this.#setting === setting) this.#setting = undefined;
    });
    this.#setting = setting;
  }

  // deno-lint-ignore require-await -- what is thrown rejects
  async #ask(atMs: number): Promise<void> {
    return this.#storage.setAlarm(atMs);
  }
}
