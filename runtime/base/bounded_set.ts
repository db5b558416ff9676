import { RingBuffer } from "./ring_buffer.ts";

/** The latest names of some kind. Past the bound the oldest is let go. */
export class BoundedSet {
  readonly #names = new Set<string>();
  readonly #order: RingBuffer<string>;

  constructor(capacity: number) {
    this.#order = new RingBuffer(capacity);
  }

  add(name: string): void {
    if (this.#names.has(name)) return;
    this.#names.add(name);
    const gone = this.#order.add(name);
    if (gone !== undefined) this.#names.delete(gone);
  }

  has(name: string): boolean {
    return this.#names.has(name);
  }
}
