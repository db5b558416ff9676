/** A look at the store for all who wait for something: one at a time, and once more where there was a reason meanwhile. */
export class SharedRead {
  readonly #look: () => Promise<void>;
  #looking: Promise<void> | undefined;
  #again = false;

  constructor(look: () => Promise<void>) {
    this.#look = look;
  }

  /** Looks; resolves when it has seen all that was there at this call. Rejects where the store does not answer. */
  now(): Promise<void> {
    this.#again = true; // who looks just now may have been there before
    return this.#looking ??= this.#run();
  }

  async #run(): Promise<void> {
    try {
      while (this.#again) {
        this.#again = false;
        await this.#look();
      }
    } finally {
      this.#looking = undefined; // in one step with the last look at whether there is more
    }
  }
}
