/** How many may be tried at once that were waiting when a process ended. */
const togetherMax = 25;

/**
 * What was waiting when a process ended without a word may be what ended it. Such messages are tried a few at a time;
 * one that was running, alone, so that it does not take its neighbours along.
 */
export class Suspects {
  #free = togetherMax;
  readonly #waiting: { readonly places: number; readonly enter: () => void }[] = [];

  /** Calls `enter` when it may be tried, with what ends the trial; alone where nothing else may run beside it. */
  enter(alone: boolean, enter: (end: () => void) => void): void {
    const places = alone ? togetherMax : 1;
    const end = () => {
      this.#free += places;
      this.#admit();
    };
    this.#waiting.push({ places, enter: () => enter(end) });
    this.#admit();
  }

  #admit(): void {
    for (
      let next = this.#waiting[0];
      next !== undefined && next.places <= this.#free;
      next = this.#waiting[0]
    ) {
      this.#waiting.shift();
      this.#free -= next.places;
      next.enter();
    }
  }
}
