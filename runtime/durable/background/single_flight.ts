/** Something that is done again and again, once at a time: who asks for it while it is under way waits for that. */
export class SingleFlight {
  readonly #work: () => Promise<unknown>;
  #running: Promise<void> | undefined;
  #again = false;

  constructor(work: () => Promise<unknown>) {
    this.#work = work;
  }

  /** Does it, unless it is under way; resolves when it is done. Rejects as it does. */
  run(): Promise<void> {
    return this.#running ??= this.#all();
  }

  /** Does it, and once more where it is under way: that may have looked before what is to be seen was there. */
  wake(): Promise<void> {
    this.#again = this.#running !== undefined;
    return this.run();
  }

  /** Resolves when it is not under way. */
  async idle(): Promise<void> {
    await this.#running?.catch(() => {}); // who asked for it hears of it
  }

  async #all(): Promise<void> {
    try {
      do {
        this.#again = false;
        await this.#work();
      } while (this.#again);
    } finally {
      this.#running = undefined; // in one step with the last look at what woke it
    }
  }
}
