/** Work that is repeated, but never runs twice at a time: callers during a run share it. */
export class SingleFlight {
  readonly #work: () => Promise<unknown>;
  #running: Promise<void> | undefined;
  /** The run after the one under way, if one was requested. */
  #next: PromiseWithResolvers<void> | undefined;

  constructor(work: () => Promise<unknown>) {
    this.#work = work;
  }

  /** Does the work, or joins the run under way. Resolves when that is done; rejects as it does. */
  run(): Promise<void> {
    return this.#running ??= this.#once();
  }

  /**
   * Does the work, and once more if a run is under way, because that run may have read before the change of the caller.
   * Resolves when the run that began after the call is done; rejects as it does. It takes place although the one before
   * fails.
   */
  wake(): Promise<void> {
    if (this.#running === undefined) return this.run();
    return (this.#next ??= Promise.withResolvers()).promise;
  }

  /** Resolves when no run is under way. */
  async idle(): Promise<void> {
    while (this.#running !== undefined) await this.#running.catch(() => {}); // who asked for the run is told
  }

  async #once(): Promise<void> {
    try {
      await this.#work();
    } finally {
      const next = this.#next;
      this.#running = this.#next = undefined; // in one step with the last look at `next`
      next?.resolve(this.run());
    }
  }
}
