import { seededRandom } from "@posthorn/posthorn/testing";

/** Reproducible random choices from a seed. */
export class Chance {
  readonly #random;

  constructor(seed: number) {
    this.#random = seededRandom(seed);
  }

  /** A whole number of at least 0 and below `end`. */
  below(end: number): number {
    return Math.floor(this.#random.next() * end);
  }

  /** True with this probability in per cent. */
  percent(often: number): boolean {
    return this.#random.next() * 100 < often;
  }

  /** One of the items. */
  of<Item>(items: readonly Item[]): Item {
    return items[this.below(items.length)];
  }

  /** Random bytes. */
  bytes(count: number): Uint8Array {
    return Uint8Array.from({ length: count }, () => this.below(256));
  }
}
