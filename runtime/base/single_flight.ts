/** Work that is done again and again, but only once at a time: who asks for it while it runs shares that run. */
export class SingleFlight {
  readonly #work: () => Promise<unknown>;
  #running: Promise<void> | undefined;
  #again = false;

  constructor(work: () => Promise<unknown>) {
    this.#work = work;
  }

  /** Does the work, or joins the run under way. Resolves when that is done; rejects as it does. */
  run(): Promise<void> {
    return this.#running ??= this.#all();
  }

  /**
   * Does the work, and once more if a run is under way: that run may have read before what it should see was there.
   * Resolves when all of it is done.
   */
  wake(): Promise<void> {
    this.#again = this.#running !== undefined;
    return this.run();
  }

  /** Resolves when no run is under way. */
  async idle(): Promise<void> {
    await this.#running?.catch(() => {}); // who asked for the run is told
  }

  async #all(): Promise<void> {
    try {
      do {
        this.#again = false;
        await this.#work();
      } while (this.#again);
    } finally {
      this.#running = undefined; // in one step with the last look at `again`
    }
  }
}
