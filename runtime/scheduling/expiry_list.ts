import type { Timer } from "./timers.ts";

/** What an {@linkcode ExpiryList} needs of its system. */
export interface ExpiryServices {
  readonly timers: { set(delayMs: number, callback: () => void): Timer };
  /** The time in milliseconds since some fixed moment. */
  monotonicMs(): number;
}

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
 * Items that are kept for equally long. They are linked in the order in which they were added, which is the order in which
 * they expire, so one timer serves all of them.
 */
export class ExpiryList<Item extends Expiring> {
  readonly #keepMs: number;
  readonly #services: ExpiryServices;
  readonly #onExpired: (item: Item) => void;
  #first: Expiring | undefined;
  #last: Expiring | undefined;
  #timer: Timer | undefined;

  /** The list calls `onExpired` for each item whose time is over, after it has removed the item. */
  constructor(keepMs: number, services: ExpiryServices, onExpired: (item: Item) => void) {
    this.#keepMs = keepMs;
    this.#services = services;
    this.#onExpired = onExpired;
  }

  /** Starts the time of an item that is in no list. If items are kept for ever, this does nothing. */
  add(item: Item): void {
    if (this.#keepMs === Infinity) return;
    const last = this.#last;
    item.expiryList = this;
    item.expiresAtMs = Math.ceil(this.#services.monotonicMs() + this.#keepMs);
    item.expiresAfter = last;
    if (last === undefined) this.#first = item;
    else last.expiresBefore = item;
    this.#last = item;
    if (this.#timer === undefined) this.#setTimer(this.#keepMs);
  }

  /** How much of its time is left: `Infinity` if it is not in the list. */
  leftMs(item: Item): number {
    return item.expiryList === this ? item.expiresAtMs - this.#services.monotonicMs() : Infinity;
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
    this.#timer = this.#services.timers.set(delayMs, () => this.#sweep());
  }

  #sweep(): void {
    this.#timer = undefined;
    const nowMs = this.#services.monotonicMs();
    for (let first = this.#first; first !== undefined; first = this.#first) {
      if (first.expiresAtMs > nowMs) {
        return this.#setTimer(first.expiresAtMs - nowMs); // instead of that of an item which a callback has added
      }
      this.#unlink(first);
      this.#onExpired(first as Item);
    }
  }
}
