/** Counts values in ranges whose bounds are fixed, so it takes the same memory however many values it counts. */
export class Histogram {
  /** The highest value of each range but the last, which has no bound; ascending. */
  readonly bounds: readonly number[];
  readonly #counts: Float64Array;
  #count = 0;
  #sum = 0;

  /** Throws a `RangeError` unless there is a bound, and each is finite and above the one before it. */
  constructor(bounds: readonly number[]) {
    const ascending = bounds.every((bound, at) => Number.isFinite(bound) && !(bound <= bounds[at - 1]));
    if (!ascending || bounds.length === 0) {
      throw new RangeError(`Cannot count in ranges: their bounds must ascend: current value is [${bounds}]`);
    }
    this.bounds = bounds;
    this.#counts = new Float64Array(bounds.length + 1);
  }

  /** How many values were counted. */
  get count(): number {
    return this.#count;
  }

  /** The sum of the values. */
  get sum(): number {
    return this.#sum;
  }

  /** Counts a value as often as it `stands` for one. It allocates nothing. */
  observe(value: number, stands = 1): void {
    const { bounds } = this;
    let range = 0;
    while (range < bounds.length && value > bounds[range]) range++;
    this.#counts[range] += stands;
    this.#count += stands;
    this.#sum += value * stands;
  }

  /** How many values are at most as high as each bound; {@linkcode count} is that of the last range. */
  cumulative(): readonly number[] {
    let below = 0;
    return this.bounds.map((_, range) => below += this.#counts[range]);
  }

  /**
   * The value below which a part of the values is, such as 0.99 of them, as if the values of a range were spread over it
   * evenly: of the last range its lower bound, as nothing is known of how high it reaches. `undefined` if nothing was
   * counted.
   */
  quantile(part: number): number | undefined {
    if (this.#count === 0) return undefined;
    const { bounds } = this;
    const rank = part * this.#count;
    let below = 0;
    for (const [range, bound] of bounds.entries()) {
      const count = this.#counts[range];
      if (count > 0 && below + count >= rank) {
        const from = range === 0 ? Math.min(0, bound) : bounds[range - 1];
        return from + (bound - from) * Math.max(0, rank - below) / count;
      }
      below += count;
    }
    return bounds[bounds.length - 1];
  }
}
