import { Latest } from "./latest.ts";

/** The latest names of some kind. Past the bound the oldest is let go. */
export class Recent {
  readonly #names = new Set<string>();
  readonly #order: Latest<string>;

  constructor(capacity: number) {
    this.#order = new Latest(capacity);
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
