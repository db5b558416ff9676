import type { Cancel, Clock } from "../../../runtime/base/clock.ts";
import type { KvHandle } from "./handle.ts";
import type { KvValues } from "./values.ts";

/** The delay before watching again after a watch has ended by itself, in milliseconds. */
const againMs = 1_000;

interface Listener {
  readonly owner: object;
  readonly clock: Clock;
  readonly onChange: () => void;
}

/**
 * Notifies the connections of one handle of commits that ring: at once of those of this process, and of those
 * of other processes when the watched key changes. One watch serves all connections, and exists only while
 * there are listeners.
 */
export class DenoKvNotifier {
  readonly #kv: KvHandle;
  readonly #values: KvValues;
  readonly #watches: boolean;
  readonly #listeners = new Set<Listener>();
  #stop: (() => void) | undefined;

  /** `watches` is whether another process can write to the database. */
  constructor(kv: KvHandle, values: KvValues, watches: boolean) {
    this.#kv = kv;
    this.#values = values;
    this.#watches = watches;
  }

  /** Calls `onChange` after a connection other than `owner` has rung. Calls may be spurious. */
  listen(owner: object, clock: Clock, onChange: () => void): Disposable {
    const listener: Listener = { owner, clock, onChange };
    this.#listeners.add(listener);
    if (this.#watches) this.#stop ??= this.#watch(clock);
    return { [Symbol.dispose]: () => this.#remove(listener) };
  }

  /** Removes all listeners of an owner. */
  leave(owner: object): void {
    for (const listener of this.#listeners) if (listener.owner === owner) this.#remove(listener);
  }

  /** Calls all listeners except those of `owner`. */
  ring(owner?: object): void {
    for (const listener of this.#listeners) {
      if (listener.owner === owner) continue;
      // never within the commit of another connection, where an error would count as a failure of that commit
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

  /**
   * Watches until it is stopped. A watch that fails is started again; it reports the present value at once,
   * so no change is missed.
   */
  #watch(clock: Clock): () => void {
    let stopped = false;
    let cancelWait: Cancel = () => {};
    let cancelRead = () => {};
    const begin = async () => {
      try {
        const reader = this.#kv.watch([this.#values.bell]).getReader();
        const cancel = () => void reader.cancel().catch(() => {}); // it has ended already
        // It reports the present value first. If it is cancelled before that, Deno 2.5 lets the commits fail that are
        // under way on a new connection to a server.
        while (!(await reader.read()).done) {
          if (stopped) return cancel();
          cancelRead = cancel;
          this.ring();
        }
      } catch {
        // a notification may be lost; the next watch makes up for it
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
