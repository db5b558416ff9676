/** The latest of some kind, so many of them: past that the oldest gives way to one more. A ring of places. */
export class RingBuffer<Item> {
  readonly #capacity: number;
  readonly #places: (Item | undefined)[] = [];
  /** The place of the oldest. */
  #first = 0;
  #size = 0;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /** How many there are. */
  get size(): number {
    return this.#size;
  }

  /** Adds one. Returns the one that gave way. */
  add(item: Item): Item | undefined {
    const gone = this.#size === this.#capacity ? this.#dropFirst() : undefined;
    this.#places[this.#place(this.#size)] = item;
    this.#size++;
    return gone;
  }

  /** All of them, the oldest first. */
  *values(): Generator<Item, void> {
    for (let index = 0; index < this.#size; index++) yield this.#places[this.#place(index)]!;
  }

  /** Takes one out, which costs as much as there are older ones. */
  remove(item: Item): void {
    let index = 0;
    while (index < this.#size && this.#places[this.#place(index)] !== item) index++;
    if (index === this.#size) return;
    for (; index > 0; index--) this.#places[this.#place(index)] = this.#places[this.#place(index - 1)];
    this.#dropFirst();
  }

  #place(index: number): number {
    return (this.#first + index) % this.#capacity;
  }

  #dropFirst(): Item | undefined {
    const item = this.#places[this.#first];
    this.#places[this.#first] = undefined;
    this.#first = this.#place(1);
    this.#size--;
    return item;
  }
}
