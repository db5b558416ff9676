/**
 * What is asked for before the store is open: it is done when it is, in the order of asking. Where it cannot be opened
 * who asks is told, and who begins something goes on waiting: it may be opened later.
 */
export class EarlyCalls {
  #waiting: { readonly run: () => void; readonly fail?: (error: unknown) => void }[] = [];
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
    const waiting = { run };
    this.#waiting.push(waiting);
    return {
      [Symbol.dispose]: () => {
        disposed = true;
        this.#waiting = this.#waiting.filter((other) => other !== waiting);
        begun?.[Symbol.dispose]();
      },
    };
  }

  /** The store is open. */
  run(): void {
    this.#failure = undefined;
    for (const { run } of this.#waiting.splice(0)) run();
  }

  /** It cannot be opened for now. */
  fail(error: unknown): void {
    this.#failure = error;
    const waiting = this.#waiting;
    this.#waiting = waiting.filter(({ fail }) => fail === undefined);
    for (const { fail } of waiting) fail?.(error);
  }
}
