import { comparePlaces, type Direction, type Found, type Listing, type Range } from "./listing.ts";

/** How many candidates are held before all but the first are dropped, as a multiple of how many are wanted. */
const held = 4;

/**
 * The first of many items behind a place, in their order. They may come in any order, and few of them are held. An item is
 * made only if it is among the first.
 */
export class Selection<Candidate> {
  readonly #range: Pick<Range, "after" | "limit">;
  readonly #direction: Direction;
  #candidates: Found<Candidate>[] = [];
  /** The place behind which no candidate can be among the first. */
  #end: string | undefined;

  constructor(range: Pick<Range, "after" | "limit">, direction: Direction = "up") {
    this.#range = range;
    this.#direction = direction;
  }

  /** Whether an item at a place may be among the first. */
  wants(at: string): boolean {
    const { after } = this.#range;
    return (after === undefined || this.#compare(at, after) > 0) &&
      (this.#end === undefined || this.#compare(at, this.#end) <= 0);
  }

  add(at: string, candidate: Candidate): void {
    if (!this.wants(at)) return;
    this.#candidates.push({ at, item: candidate });
    if (this.#candidates.length > (this.#range.limit + 1) * held) this.#drop();
  }

  /** How many items there will be. */
  get size(): number {
    return Math.min(this.#candidates.length, this.#range.limit);
  }

  /** The first items, and up to where they are all. */
  async listing<Item>(make: (candidate: Candidate) => Item | Promise<Item>): Promise<Listing<Item>> {
    this.#drop();
    const found: Found<Item>[] = [];
    const { limit } = this.#range;
    for (const { at, item } of this.#candidates.slice(0, limit)) found.push({ at, item: await make(item) });
    return { found, upTo: this.#candidates.length > limit ? found.at(-1)!.at : undefined };
  }

  #drop(): void {
    this.#candidates.sort(({ at }, { at: other }) => this.#compare(at, other));
    this.#candidates.length = Math.min(this.#candidates.length, this.#range.limit + 1);
    if (this.#candidates.length > this.#range.limit) this.#end = this.#candidates.at(-1)!.at;
  }

  #compare(at: string, other: string): number {
    return comparePlaces(at, other, this.#direction);
  }
}
