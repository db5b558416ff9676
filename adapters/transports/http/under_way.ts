/** What is under way and cannot be broken off, so that whoever closes can wait until nothing is. */
export class UnderWay {
  readonly #promises = new Set<Promise<unknown>>();

  /** Settles as a promise does. */
  async until<Result>(promise: Promise<Result>): Promise<Result> {
    this.#promises.add(promise);
    try {
      return await promise;
    } finally {
      this.#promises.delete(promise);
    }
  }

  /** Resolves when nothing of that is left which is under way now. */
  async over(): Promise<void> {
    await Promise.allSettled(this.#promises);
  }
}
