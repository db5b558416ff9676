import type { Cancel, Clock } from "../base/clock.ts";

/** A callback that is due at a time. */
export class Timer {
  readonly dueMs: number;
  /** Its rank among timers of the same time. */
  readonly order: number;
  readonly #callback: () => void;
  readonly #timers: Timers;
  /** Called instead if the system stops first. */
  readonly onClear: (() => void) | undefined;
  /** Whether it still waits. */
  waiting = true;

  constructor(dueMs: number, order: number, callback: () => void, timers: Timers, onClear?: () => void) {
    this.dueMs = dueMs;
    this.order = order;
    this.#callback = callback;
    this.#timers = timers;
    this.onClear = onClear;
  }

  /** Cancels it. Does nothing once it has fired. */
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
 * All timers of a system, in a binary heap behind one timer of the clock: a timer of the clock for each ask would cost
 * more than the ask. A cancelled timer stays in the heap until it is due, or until half of the heap is cancelled.
 */
export class Timers {
  readonly #clock: Clock;
  #heap: Timer[] = [];
  #dead = 0;
  #armedMs = Infinity;
  #disarm: Cancel | undefined;
  #last = 0;
  #closed = false;
  /** Whether the clock has no timer when all are cancelled: a process that may sleep must not stay awake for it. */
  leavesNone = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The time that delays are measured with, in milliseconds since some fixed moment. */
  monotonicMs(): number {
    return this.#clock.monotonicMs();
  }

  /** How many timers wait. */
  get size(): number {
    return this.#heap.length - this.#dead;
  }

  /**
   * Calls `callback` once, after `delayMs` milliseconds; timers of the same time fire in the order in which they were
   * set. If all timers are cleared first, it calls `onClear` instead. After that it calls neither.
   */
  set(delayMs: number, callback: () => void, onClear?: () => void): Timer {
    const timer = new Timer(this.#clock.monotonicMs() + delayMs, ++this.#last, callback, this, onClear);
    if (this.#closed) timer.waiting = false;
    else this.#add(timer);
    return timer;
  }

  /** Cancels all timers for good, because the system has stopped. */
  clear(): void {
    const waiting = this.#heap.filter((timer) => timer.waiting);
    this.#closed = true;
    this.#heap = [];
    this.#dead = 0;
    this.#arm();
    for (const timer of waiting) {
      timer.waiting = false;
      timer.onClear?.();
    }
  }

  /** Counts a cancelled timer, and sweeps the heap if half of it is cancelled. */
  forget(): void {
    this.#dead++;
    if (this.leavesNone && this.#dead === this.#heap.length) return this.#arm();
    if (this.#dead < 32 || this.#dead * 2 < this.#heap.length) return;
    this.#heap = this.#heap.filter((timer) => timer.waiting);
    this.#dead = 0;
    for (let index = (this.#heap.length >> 1) - 1; index >= 0; index--) this.#sink(index);
    if (this.#heap.length === 0) this.#arm();
  }

  #add(timer: Timer): void {
    this.#heap.push(timer);
    this.#rise(this.#heap.length - 1);
    if (timer.dueMs < this.#armedMs) this.#arm();
  }

  #arm(): void {
    this.#disarm?.();
    this.#disarm = undefined;
    if (this.leavesNone && this.#dead === this.#heap.length) {
      this.#heap = [];
      this.#dead = 0;
    }
    this.#armedMs = this.#heap[0]?.dueMs ?? Infinity;
    if (this.#armedMs === Infinity) return;
    // Whole milliseconds: a clock that drops fractions would fire too early, again and again.
    const delayMs = Math.ceil(this.#armedMs - this.#clock.monotonicMs());
    this.#disarm = this.#clock.setTimer(delayMs, () => this.#sweep());
  }

  #sweep(): void {
    this.#disarm = undefined;
    this.#armedMs = -Infinity; // timers that callbacks set are armed below
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
      if (heap[parent].dueMs <= timer.dueMs) break; // it is the newest, so it comes after others of its time
      heap[index] = heap[parent];
      index = parent;
    }
    heap[index] = timer;
  }

  #sink(index: number): void {
    const heap = this.#heap;
    const timer = heap[index];
    for (let child = 2 * index + 1; child < heap.length; child = 2 * index + 1) {
      if (child + 1 < heap.length && isBefore(heap[child + 1], heap[child])) child++;
      if (!isBefore(heap[child], timer)) break;
      heap[index] = heap[child];
      index = child;
    }
    heap[index] = timer;
  }
}

function isBefore(one: Timer, other: Timer): boolean {
  return one.dueMs < other.dueMs || (one.dueMs === other.dueMs && one.order < other.order);
}
