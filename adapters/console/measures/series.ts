/** What happened in one second, and how it was at its end. Counts are of this process. */
export interface Second {
  /** Messages accepted. */
  readonly accepted: number;
  /** Messages whose turn committed. */
  readonly done: number;
  /** Turns that failed. */
  readonly failed: number;
  /** Messages that waited at its end. */
  readonly waiting: number;
  /** The median of the time in the mailbox, in milliseconds; absent if nothing was measured, as are the others. */
  readonly waitP50Ms?: number;
  /** What 99 % of the times in the mailbox do not exceed. */
  readonly waitP99Ms?: number;
  /** The median of the time that turns took. */
  readonly turnP50Ms?: number;
  /** What 99 % of the times of turns do not exceed. */
  readonly turnP99Ms?: number;
}

/** The seconds that are kept. */
export const secondsMax = 300;

/** The last {@linkcode secondsMax} seconds, oldest first. */
export class Series {
  readonly #seconds: Second[] = [];

  /** The seconds, oldest first. */
  get seconds(): readonly Second[] {
    return this.#seconds;
  }

  add(second: Second): void {
    this.#seconds.push(second);
    if (this.#seconds.length > secondsMax) this.#seconds.shift();
  }

  clear(): void {
    this.#seconds.length = 0;
  }
}
