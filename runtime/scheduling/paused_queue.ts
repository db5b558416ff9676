import type { Runnable } from "./scheduler.ts";

/** Something whose work can be put off, such as an actor of a protocol that is paused. */
export interface Pausable extends Runnable {
  /** It has work, and may not do it yet. Returns whether it waits for {@linkcode unpark}. */
  park(): boolean;
  /** It may do its work now. */
  unpark(): void;
}

/** Where whatever has become ready is added: a scheduler, or a queue that keeps it. */
export interface ReadyQueue {
  add(ready: Pausable): void;
}

/**
 * Keeps what is ready instead of running it. It takes the place of the scheduler, so while nothing is paused nobody asks
 * whether something is.
 */
export class PausedQueue implements ReadyQueue {
  readonly #waiting = new Set<Pausable>();

  /** How many wait. */
  get size(): number {
    return this.#waiting.size;
  }

  add(ready: Pausable): void {
    if (ready.park()) this.#waiting.add(ready);
  }

  /** It does not wait any more, because it has left memory. */
  remove(gone: Pausable): void {
    this.#waiting.delete(gone);
  }

  /** Lets all go on, in the order in which they came. */
  release(): void {
    for (const one of this.#waiting) {
      this.#waiting.delete(one);
      one.unpark();
    }
  }
}
