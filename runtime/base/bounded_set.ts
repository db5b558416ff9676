import { FifoSet } from "./fifo_set.ts";

/** The latest names of some kind: past the bound the oldest one is removed. */
export class BoundedSet {
  readonly #names = new FifoSet<string>();
  readonly #capacity: number;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  add(name: string): void {
    if (this.#names.add(name).size > this.#capacity) this.#names.takeOldest();
  }

  has(name: string): boolean {
    return this.#names.has(name);
  }
}
