import { StoreError } from "../base/store_errors.ts";

/** How many calls wait for the store at most, and how many bytes they have together, as far as that is known. */
const callsMax = 10_000;
const bytesMax = 67_108_864;

/**
 * The calls that are made before the store is open: they run in their order when it is. If an attempt to open it fails,
 * calls that wait for a result reject, and what is to begin keeps waiting for the next attempt. A call above the bound
 * rejects at once, and the calls before it keep waiting.
 */
export class StartupQueue {
  /** In the order of the calls, those of `begin` among them. */
  readonly #waiting = new Set<{ readonly run: () => void; readonly fail?: (error: unknown) => void }>();
  /** How many of them wait for a result. */
  #asking = 0;
  #bytes = 0;
  #failure: unknown = undefined;

  /**
   * Calls `act` when the store is open, before the acts of later calls. Rejects with a `StoreError` (`store-unavailable`) if
   * too many calls or bytes wait. `bytes` is the size of the call, if it is known.
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

  /** Calls `begin` when the store is open, unless the result has been disposed of by then. */
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

  /** An attempt to open the store failed. */
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
