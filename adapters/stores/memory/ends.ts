/**
 * The width of a round, in milliseconds. Values that expire in the same round are kept together, which bounds
 * the number of rounds.
 */
const roundMs = 1_000;

/**
 * The expiry times of values: finds expired values in order of expiry, in whatever order they were written.
 */
export class MemoryEnds {
  readonly #roundOf = new Map<string, number>();
  readonly #keysOf = new Map<number, Set<string>>();
  /** The rounds that have keys, in descending order. */
  readonly #rounds: number[] = [];

  /** Records when a value expires; `undefined` or `Infinity` for never. */
  set(key: string, endMs: number | undefined): void {
    this.delete(key);
    if (endMs === undefined || endMs === Infinity) return;
    const round = Math.ceil(endMs / roundMs);
    let keys = this.#keysOf.get(round);
    if (keys === undefined) {
      keys = new Set();
      this.#keysOf.set(round, keys);
      this.#rounds.splice(this.#placeOf(round), 0, round);
    }
    keys.add(key);
    this.#roundOf.set(key, round);
  }

  /** Forgets a removed value. */
  delete(key: string): void {
    const round = this.#roundOf.get(key);
    if (round === undefined) return;
    this.#roundOf.delete(key);
    const keys = this.#keysOf.get(round)!;
    keys.delete(key);
    if (keys.size > 0) return;
    this.#keysOf.delete(round);
    this.#rounds.splice(this.#placeOf(round), 1);
  }

  /** The key of a value that has expired; `undefined` if there is none. */
  ended(nowMs: number): string | undefined {
    const round = this.#rounds.at(-1);
    if (round === undefined || round * roundMs > nowMs) return undefined;
    return this.#keysOf.get(round)!.values().next().value;
  }

  /** The index at which a round is or belongs, by binary search. */
  #placeOf(round: number): number {
    let [from, to] = [0, this.#rounds.length];
    while (from < to) {
      const middle = (from + to) >> 1;
      if (this.#rounds[middle] > round) from = middle + 1;
      else to = middle;
    }
    return from;
  }
}
