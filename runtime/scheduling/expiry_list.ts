import type { Timer, Timers } from "./timers.ts";

/** Something that expires. Its fields belong to the list that it is in. */
export abstract class Expiring {
  /** The list; absent while it is in none. */
  expiryList: object | undefined = undefined;
  /** When it expires, in whole milliseconds: a fraction would take memory of its own. */
  expiresAtMs = 0;
  /** The item that expires next. */
  expiresBefore: Expiring | undefined = undefined;
  /** The item that expires just before it. */
  expiresAfter: Expiring | undefined = undefined;
}

/**
 * Items that are kept for equally long. They are linked in the order in which they were added, which is the order in
 * which they expire, so one timer serves all of them.
 */
export class ExpiryList<Item extends Expiring> {
  readonly #keepMs: number;
  readonly #timers: Timers;
  readonly #onExpired: (item: Item) => void;
  #first: Expiring | undefined;
  #last: Expiring | undefined;
  #timer: Timer | undefined;

  /** The list calls `onExpired` for each item whose time is over, after it has removed the item. */
  constructor(keepMs: number, timers: Timers, onExpired: (item: Item) => void) {
    this.#keepMs = keepMs;
    this.#timers = timers;
    this.#onExpired = onExpired;
  }

  /** Starts the time of an item that is in no list. If items are kept for ever, this does nothing. */
  add(item: Item): void {
    if (this.#keepMs === Infinity) return;
    const last = this.#last;
    item.expiryList = this;
    item.expiresAtMs = Math.ceil(this.#timers.monotonicMs() + this.#keepMs);
    item.expiresAfter = last;
    if (last === undefined) this.#first = item;
    else last.expiresBefore = item;
    this.#last = item;
    if (this.#timer === undefined) this.#setTimer(this.#keepMs);
  }

  /** How much of its time is left: `Infinity` if it is not in the list. */
  leftMs(item: Item): number {
    return item.expiryList === this ? item.expiresAtMs - this.#timers.monotonicMs() : Infinity;
  }

  /** Removes an item, if it is in the list. */
  delete(item: Item): void {
    if (item.expiryList !== this) return;
    this.#unlink(item);
    if (this.#first !== undefined) return;
    this.#timer?.cancel(); // an empty list must not keep the process alive
    this.#timer = undefined;
  }

  #unlink(item: Expiring): void {
    const { expiresBefore, expiresAfter } = item;
    if (expiresAfter === undefined) this.#first = expiresBefore;
    else expiresAfter.expiresBefore = expiresBefore;
    if (expiresBefore === undefined) this.#last = expiresAfter;
    else expiresBefore.expiresAfter = expiresAfter;
    item.expiryList = item.expiresBefore = item.expiresAfter = undefined;
  }

  #setTimer(delayMs: number): void {
    this.#timer?.cancel();
    this.#timer = this.#timers.set(delayMs, () => this.#sweep());
  }

  #sweep(): void {
    this.#timer = undefined;
    const nowMs = this.#timers.monotonicMs();
    for (let first = this.#first; first !== undefined; first = this.#first) {
      if (first.expiresAtMs > nowMs) {
        return this.#setTimer(first.expiresAtMs - nowMs); // in place of the timer of an item that a callback added
      }
      this.#unlink(first);
      this.#onExpired(first as Item);
    }
  }
}
