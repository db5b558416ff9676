import { seededRandom } from "@posthorn/posthorn/testing";

/** Draws that a seed repeats. */
export class Chance {
  readonly #random;

  constructor(seed: number) {
    this.#random = seededRandom(seed);
  }

  /** A whole number of at least 0 and below `end`. */
  below(end: number): number {
    return Math.floor(this.#random.next() * end);
  }

  /** Whether it happens, so often in a hundred. */
  percent(often: number): boolean {
    return this.#random.next() * 100 < often;
  }

  /** One of them. */
  of<Item>(items: readonly Item[]): Item {
    return items[this.below(items.length)];
  }

  /** Bytes of any value. */
  bytes(count: number): Uint8Array {
    return Uint8Array.from({ length: count }, () => this.below(256));
  }
}
