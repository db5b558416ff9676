import type { Cancel, Clock } from "./clock.ts";

/** Something due at a time. */
export class Timer {
  readonly dueMs: number;
  readonly #callback: () => void;
  readonly #timers: Timers;
  /** Called instead when the system stops first. */
  readonly onClear: (() => void) | undefined;
  /** Whether it still waits. */
  waiting = true;

  constructor(dueMs: number, callback: () => void, timers: Timers, onClear?: () => void) {
    this.dueMs = dueMs;
    this.#callback = callback;
    this.#timers = timers;
    this.onClear = onClear;
  }

  /** Takes it back. Does nothing once it has fired. */
  cancel(): void {
    if (!this.waiting) return;
    this.waiting = false;
    this.#timers.forget();
  }

  fire(): void {
    this.waiting = false;
    this.#callback();
  }
}

/**
 * All that waits for a time, in a binary heap behind one timer of the clock: a deadline for each ask would cost more
 * than the ask otherwise. What is taken back stays in the heap until it is due or half the heap is such.
 */
export class Timers {
  readonly #clock: Clock;
  #heap: Timer[] = [];
  #dead = 0;
  #armedMs = Infinity;
  #disarm: Cancel | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** How many wait. */
  get size(): number {
    return this.#heap.length - this.#dead;
  }

  /** Calls `callback` once, after `delayMs` milliseconds; `onClear` instead when all is taken back before. */
  set(delayMs: number, callback: () => void, onClear?: () => void): Timer {
    const timer = new Timer(this.#clock.monotonicMs() + delayMs, callback, this, onClear);
    this.#heap.push(timer);
    this.#rise(this.#heap.length - 1);
    if (timer.dueMs < this.#armedMs) this.#arm();
    return timer;
  }

  /** Takes all back, for good: the system has stopped. */
  clear(): void {
    const waiting = this.#heap.filter((timer) => timer.waiting);
    this.#heap = [];
    this.#dead = 0;
    this.#arm();
    for (const timer of waiting) {
      timer.waiting = false;
      timer.onClear?.();
    }
  }

  /** A timer was taken back: sweeps when half of the heap is such. */
  forget(): void {
    if (++this.#dead < 32 || this.#dead * 2 < this.#heap.length) return;
    this.#heap = this.#heap.filter((timer) => timer.waiting);
    this.#dead = 0;
    for (let index = (this.#heap.length >> 1) - 1; index >= 0; index--) this.#sink(index);
    if (this.#heap.length === 0) this.#arm();
  }

  #arm(): void {
    this.#disarm?.();
    this.#disarm = undefined;
    this.#armedMs = this.#heap[0]?.dueMs ?? Infinity;
    if (this.#armedMs === Infinity) return;
    this.#disarm = this.#clock.setTimer(this.#armedMs - this.#clock.monotonicMs(), () => this.#sweep());
  }

  #sweep(): void {
    this.#disarm = undefined;
    this.#armedMs = -Infinity; // what callbacks set waits for the arming below
    const nowMs = this.#clock.monotonicMs();
    try {
      for (let first = this.#heap[0]; first !== undefined && first.dueMs <= nowMs; first = this.#heap[0]) {
        this.#pop();
        if (first.waiting) first.fire();
        else this.#dead--;
      }
    } finally {
      this.#arm();
    }
  }

  #pop(): void {
    const last = this.#heap.pop();
    if (last === undefined || this.#heap.length === 0) return;
    this.#heap[0] = last;
    this.#sink(0);
  }

  #rise(index: number): void {
    const heap = this.#heap;
    const timer = heap[index];
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (heap[parent].dueMs <= timer.dueMs) break;
      heap[index] = heap[parent];
      index = parent;
    }
    heap[index] = timer;
  }

  #sink(index: number): void {
    const heap = this.#heap;
    const timer = heap[index];
    for (let child = 2 * index + 1; child < heap.length; child = 2 * index + 1) {
      if (child + 1 < heap.length && heap[child + 1].dueMs < heap[child].dueMs) child++;
      if (heap[child].dueMs >= timer.dueMs) break;
      heap[index] = heap[child];
      index = child;
    }
    heap[index] = timer;
  }
}
