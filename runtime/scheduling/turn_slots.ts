import { FifoSet } from "../base/fifo_set.ts";

/** An actor that needs a slot for its turns. */
export interface SlotHolder {
  /** It has got a slot for which it waited. Returns false if it does not need it any more. */
  admit(): boolean;
}

/**
 * The slots of one protocol: only an actor that has one runs a turn, and it keeps it as long as the turn is awaited.
 * Those that find none free wait in the order in which they came. A slot that becomes free goes to the first of them at
 * once, so nobody who comes later can take it away.
 */
export class TurnSlots {
  /** How many there are. */
  readonly most: number;
  readonly #holders = new Set<SlotHolder>();
  readonly #waiting = new FifoSet<SlotHolder>();

  constructor(most: number) {
    this.most = most;
  }

  /** Who has a slot. */
  get holders(): ReadonlySet<SlotHolder> {
    return this.#holders;
  }

  /** How many wait for one. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** Whether none is free. */
  get full(): boolean {
    return this.#holders.size >= this.most;
  }

  has(holder: SlotHolder): boolean {
    return this.#holders.has(holder);
  }

  /** Takes a slot, or waits for one. Returns whether it has one. */
  enter(holder: SlotHolder): boolean {
    if (this.#holders.has(holder)) return true;
    if (this.full) this.#waiting.add(holder); // one that waits already keeps its place
    else this.#holders.add(holder);
    return !this.#waiting.has(holder);
  }

  /** Gives a slot back, to the first that waits. Does nothing if it has none. */
  leave(holder: SlotHolder): void {
    if (!this.#holders.delete(holder)) return;
    for (let next = this.#waiting.takeOldest(); next !== undefined; next = this.#waiting.takeOldest()) {
      this.#holders.add(next);
      if (next.admit()) return;
      this.#holders.delete(next);
    }
  }
}
