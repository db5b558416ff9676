/** Values that end within the same time go together, so that there are few such times however many values there are. */
const roundMs = 1_000;

/** When values may go: in the order of their ends, in whatever order they were written. */
export class MemoryEnds {
  readonly #roundOf = new Map<string, number>();
  readonly #keysOf = new Map<number, Set<string>>();
  /** The rounds that have keys, the latest first. */
  readonly #rounds: number[] = [];

  /** A value was written, which ends then or never. */
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

  /** A value has gone. */
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

  /** A key whose value has ended by then; nothing where there is none. */
  ended(nowMs: number): string | undefined {
    const round = this.#rounds.at(-1);
    if (round === undefined || round * roundMs > nowMs) return undefined;
    return this.#keysOf.get(round)!.values().next().value;
  }

  /** Where a round is, or belongs. Mostly it is the latest of all, or the first to end. */
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
