import type { Overflow } from "./actor.ts";

const ringSizeFirst = 8;

/**
 * The bounded queue of one actor: a ring that grows by doubling up to its bound, beside a lane for signals, which go
 * first. Nothing is allocated until the first item comes.
 */
export class Mailbox<Item, Signal extends string = never> {
  readonly capacity: number;
  readonly #overflow: Overflow;
  #ring: (Item | undefined)[] | undefined;
  #head = 0;
  #length = 0;
  #signals: Signal[] | undefined;

  constructor(capacity: number, overflow: Overflow) {
    this.capacity = capacity;
    this.#overflow = overflow;
  }

  /** How many items wait. */
  get length(): number {
    return this.#length;
  }

  /**
   * Puts an item at the end and returns what has no place: nothing, this item (`reject`, `drop-newest`), or the
   * oldest (`drop-oldest`).
   */
  offer(item: Item): Item | undefined {
    if (this.#length < this.capacity) {
      this.push(item);
      return undefined;
    }
    if (this.#overflow !== "drop-oldest") return item;
    const oldest = this.shift();
    this.push(item);
    return oldest;
  }

  /** Puts an item at the end, whatever the bound: whoever calls it keeps a bound of their own. */
  push(item: Item): void {
    const ring = this.#room();
    ring[(this.#head + this.#length++) & (ring.length - 1)] = item;
  }

  /** Puts an item that was taken back in its place, at the front. */
  unshift(item: Item): void {
    const ring = this.#room();
    this.#head = (this.#head - 1) & (ring.length - 1);
    ring[this.#head] = item;
    this.#length++;
  }

  /** Takes the oldest item. */
  shift(): Item | undefined {
    if (this.#length === 0) return undefined;
    const ring = this.#ring!;
    const item = ring[this.#head];
    ring[this.#head] = undefined;
    this.#head = (this.#head + 1) & (ring.length - 1);
    this.#length--;
    return item;
  }

  /** Puts a signal into the control lane. The same signal waits once, so the lane is bounded by their kinds. */
  signal(signal: Signal): void {
    this.#signals ??= [];
    if (!this.#signals.includes(signal)) this.#signals.push(signal);
  }

  /** Whether a signal waits. */
  get signalled(): boolean {
    return this.#signals !== undefined && this.#signals.length > 0;
  }

  /** Takes the oldest signal. */
  takeSignal(): Signal | undefined {
    return this.#signals?.shift();
  }

  /** Lets the memory of an empty ring go. */
  release(): void {
    if (this.#length > 0) return;
    this.#ring = undefined;
    this.#head = 0;
  }

  #room(): (Item | undefined)[] {
    const ring = this.#ring ??= new Array(ringSizeFirst).fill(undefined);
    if (this.#length < ring.length) return ring;
    const grown: (Item | undefined)[] = new Array(ring.length * 2).fill(undefined);
    for (let index = 0; index < this.#length; index++) {
      grown[index] = ring[(this.#head + index) & (ring.length - 1)];
    }
    this.#head = 0;
    return this.#ring = grown;
  }
}
