import type { Cancel, Clock } from "../../../runtime/base/clock.ts";
import type { KvHandle } from "./handle.ts";
import type { KvValues } from "./values.ts";

/** How long to wait before watching again when a watch has ended by itself. */
const againMs = 1_000;

interface Listener {
  readonly owner: object;
  readonly clock: Clock;
  readonly onChange: () => void;
}

/**
 * Tells the connections of one handle when something has rung: what this process commits at once, and what others
 * commit as soon as the watched key says so. One watch serves them all, and only while somebody listens.
 */
export class DenoKvNotifier {
  readonly #kv: KvHandle;
  readonly #values: KvValues;
  readonly #watches: boolean;
  readonly #listeners = new Set<Listener>();
  #stop: (() => void) | undefined;

  /** `watches` is whether anybody else can write there. */
  constructor(kv: KvHandle, values: KvValues, watches: boolean) {
    this.#kv = kv;
    this.#values = values;
    this.#watches = watches;
  }

  /** Calls `onChange` when another than `owner` has rung, and perhaps in vain. */
  listen(owner: object, clock: Clock, onChange: () => void): Disposable {
    const listener: Listener = { owner, clock, onChange };
    this.#listeners.add(listener);
    if (this.#watches) this.#stop ??= this.#watch(clock);
    return { [Symbol.dispose]: () => this.#remove(listener) };
  }

  /** Ends all that an owner listens to. */
  leave(owner: object): void {
    for (const listener of this.#listeners) if (listener.owner === owner) this.#remove(listener);
  }

  /** Calls all but those of `owner`. */
  ring(owner?: object): void {
    for (const listener of this.#listeners) {
      if (listener.owner === owner) continue;
      // not from within the commit of another: what it throws would be that one's failure
      listener.clock.macrotask(() => {
        if (this.#listeners.has(listener)) listener.onChange();
      });
    }
  }

  #remove(listener: Listener): void {
    this.#listeners.delete(listener);
    if (this.#listeners.size > 0) return;
    this.#stop?.();
    this.#stop = undefined;
  }

  /** Watches until it is stopped. A watch that fails begins again: it tells what is there at once, so nothing is missed. */
  #watch(clock: Clock): () => void {
    let stopped = false;
    let cancelWait: Cancel = () => {};
    let cancelRead = () => {};
    const begin = async () => {
      try {
        const reader = this.#kv.watch([this.#values.bell]).getReader();
        cancelRead = () => void reader.cancel().catch(() => {}); // it has ended already: just as well
        while (!(await reader.read()).done) this.ring();
      } catch {
        // a hint may be lost; the next watch makes up for it
      }
      if (!stopped) cancelWait = clock.setTimer(againMs, begin);
    };
    begin();
    return () => {
      stopped = true;
      cancelWait();
      cancelRead();
    };
  }
}
