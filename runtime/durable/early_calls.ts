/** What is asked for before the store is open: it is done when it is, in the order of asking. */
export class EarlyCalls {
  #waiting: { readonly run: () => void; readonly fail: (error: unknown) => void }[] = [];
  #failure: unknown = undefined;

  /** Does something as soon as the store is open: nothing that is asked for later comes before it. */
  ask<Result>(act: () => Promise<Result>): Promise<Result> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    return new Promise((resolve, reject) => {
      this.#waiting.push({ run: () => act().then(resolve, reject), fail: reject });
    });
  }

  /** Begins something then, unless it has been disposed of. */
  begin(begin: () => Disposable): Disposable {
    let disposed = false;
    let begun: Disposable | undefined;
    const run = () => {
      if (!disposed) begun = begin();
    };
    if (this.#failure === undefined) this.#waiting.push({ run, fail: () => {} });
    return {
      [Symbol.dispose]() {
        disposed = true;
        begun?.[Symbol.dispose]();
      },
    };
  }

  /** The store is open. */
  run(): void {
    for (const { run } of this.#waiting.splice(0)) run();
  }

  /** It never will be. */
  fail(error: unknown): void {
    this.#failure = error;
    for (const { fail } of this.#waiting.splice(0)) fail(error);
  }
}
