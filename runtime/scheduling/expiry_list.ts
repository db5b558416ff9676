import type { Timer } from "./timers.ts";

/** What an {@linkcode ExpiryList} needs of its system. */
export interface ExpiryServices {
  readonly timers: { set(delayMs: number, callback: () => void): Timer };
  /** The time that delays are measured with. */
  monotonicMs(): number;
}

/** Items that are kept, each for equally long: the oldest first, and one timer for all of them. */
export class ExpiryList<Item> {
  readonly #keepMs: number;
  readonly #services: ExpiryServices;
  readonly #onOver: (item: Item) => void;
  /** When the time of each is over; in the order in which they came, which is that of their ends. */
  readonly #dueMs = new Map<Item, number>();
  #timer: Timer | undefined;

  /** `onOver` hears of each whose time is over; it is in the list no more. */
  constructor(keepMs: number, services: ExpiryServices, onOver: (item: Item) => void) {
    this.#keepMs = keepMs;
    this.#services = services;
    this.#onOver = onOver;
  }

  /** How many there are. */
  get size(): number {
    return this.#dueMs.size;
  }

  /** Its time begins; again, where it is there. Where all are kept for ever there is nothing to do. */
  add(item: Item): void {
    if (this.#keepMs === Infinity) return;
    this.#dueMs.delete(item);
    this.#dueMs.set(item, this.#services.monotonicMs() + this.#keepMs);
    this.#timer ??= this.#services.timers.set(this.#keepMs, () => this.#sweep());
  }

  /** How much of its time is left: `Infinity` where it is not in the list. */
  leftMs(item: Item): number {
    return (this.#dueMs.get(item) ?? Infinity) - this.#services.monotonicMs();
  }

  /** It goes before its time, if it is there. */
  delete(item: Item): void {
    if (!this.#dueMs.delete(item) || this.#dueMs.size > 0) return;
    this.#timer?.cancel(); // it would keep the process for nothing
    this.#timer = undefined;
  }

  #sweep(): void {
    this.#timer = undefined;
    const nowMs = this.#services.monotonicMs();
    for (const [item, dueMs] of this.#dueMs) {
      if (dueMs > nowMs) {
        this.#timer ??= this.#services.timers.set(dueMs - nowMs, () => this.#sweep());
        return;
      }
      this.#dueMs.delete(item);
      this.#onOver(item);
    }
  }
}
