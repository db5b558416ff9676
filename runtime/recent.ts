/** The latest names of some kind. Past the bound the oldest is let go. */
export class Recent {
  readonly #capacity: number;
  readonly #names = new Set<string>();

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  add(name: string): void {
    this.#names.add(name);
    if (this.#names.size <= this.#capacity) return;
    const [oldest] = this.#names;
    this.#names.delete(oldest);
  }

  has(name: string): boolean {
    return this.#names.has(name);
  }
}
