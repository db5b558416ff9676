import { StoreError } from "../base/store_errors.ts";

/** How many that ask wait for the store at the most, and how many bytes they have together, where that is known. */
const callsMax = 10_000;
const bytesMax = 67_108_864;

/**
 * What is asked for before the store is open: it is done when it is, in the order of asking. Where it cannot be opened
 * who asks is told, and who begins something goes on waiting: it may be opened later. One who asks past the bound is told
 * at once, and those before it go on waiting.
 */
export class StartupQueue {
  /** In the order of asking: who begins something is among them. */
  readonly #waiting = new Set<{ readonly run: () => void; readonly fail?: (error: unknown) => void }>();
  /** How many of them ask. */
  #asking = 0;
  #bytes = 0;
  #failure: unknown = undefined;

  /**
   * Does something as soon as the store is open: nothing that is asked for later comes before it. Rejects with a
   * `StoreError` (`store-unavailable`) where too many wait, or too much. `bytes` is how large it is, where that is known.
   */
  ask<Result>(act: () => Promise<Result>, bytes = 0): Promise<Result> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    if (this.#asking >= callsMax) return Promise.reject(crowded(`${this.#asking} of ${callsMax} calls`));
    if (this.#bytes >= bytesMax) return Promise.reject(crowded(`${this.#bytes} of ${bytesMax} bytes`));
    this.#asking++;
    this.#bytes += bytes;
    return new Promise((resolve, reject) => {
      this.#waiting.add({ run: () => act().then(resolve, reject), fail: reject });
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
    this.#waiting.add(waiting);
    return {
      [Symbol.dispose]: () => {
        disposed = true;
        this.#waiting.delete(waiting);
        begun?.[Symbol.dispose]();
      },
    };
  }

  /** The store is open. */
  run(): void {
    this.#failure = undefined;
    for (const { run } of this.#take()) run();
  }

  /** It cannot be opened for now. */
  fail(error: unknown): void {
    this.#failure = error;
    for (const waiting of this.#take()) {
      if (waiting.fail === undefined) this.#waiting.add(waiting);
      else waiting.fail(error);
    }
  }

  #take() {
    const taken = [...this.#waiting];
    this.#waiting.clear();
    this.#asking = 0;
    this.#bytes = 0;
    return taken;
  }
}

function crowded(full: string): StoreError {
  const why = `it is not open yet, and ${full} wait for it`;
  return new StoreError("store-unavailable", `Cannot use the store: ${why}`);
}
