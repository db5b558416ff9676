// A system loads this to open its store: no simulated time may go by meanwhile.
import "../../runtime/durable/open_store.ts";
import { type Cancel, type Clock, macrotask } from "../../runtime/base/clock.ts";

interface TimedEvent {
  readonly dueMs: number;
  /** Its place among those of the same time. */
  readonly order: number;
  action: (() => void) | undefined;
}

/**
 * The true time of a simulation: what is set happens one after the other, each when all that followed from the one before
 * has run, in an order that nothing outside can change.
 */
export class SimulatedTime implements Clock {
  readonly #beganMs: number;
  #nowMs: number;
  #events: TimedEvent[] = [];
  #last = 0;
  /** How much has happened. */
  happened = 0;

  constructor(nowMs = Date.UTC(2030, 0, 1)) {
    this.#beganMs = this.#nowMs = nowMs;
  }

  now(): number {
    return this.#nowMs;
  }

  monotonicMs(): number {
    return this.#nowMs - this.#beganMs;
  }

  setTimer(delayMs: number, callback: () => void): Cancel {
    const event: TimedEvent = {
      dueMs: this.#nowMs + Math.max(delayMs, 0),
      order: ++this.#last,
      action: callback,
    };
    this.#push(event);
    return () => event.action = undefined;
  }

  macrotask(callback: () => void): void {
    this.setTimer(0, callback);
  }

  yield(callback: () => void): void {
    this.setTimer(0, callback);
  }

  /** Lets happen what is due within so many milliseconds, or until `done` says that it is enough. */
  async advance(byMs: number, done: () => boolean = () => false): Promise<void> {
    const untilMs = this.#nowMs + byMs;
    await quiet();
    for (
      let first = this.#events[0];
      first !== undefined && first.dueMs <= untilMs;
      first = this.#events[0]
    ) {
      this.#pop();
      if (first.action === undefined) continue;
      this.#nowMs = first.dueMs;
      this.happened++;
      first.action();
      await quiet();
      if (done()) return;
    }
    this.#nowMs = untilMs;
  }

  #push(event: TimedEvent): void {
    const heap = this.#events;
    let index = heap.push(event) - 1;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (!isBefore(event, heap[parent])) break;
      heap[index] = heap[parent];
      index = parent;
    }
    heap[index] = event;
  }

  #pop(): void {
    const heap = this.#events;
    const event = heap.pop()!;
    if (heap.length === 0) return;
    let index = 0;
    for (let child = 1; child < heap.length; child = 2 * index + 1) {
      if (child + 1 < heap.length && isBefore(heap[child + 1], heap[child])) child++;
      if (!isBefore(heap[child], event)) break;
      heap[index] = heap[child];
      index = child;
    }
    heap[index] = event;
  }
}

/** The time as one process sees it: its time of day is its own, and while it is paused nothing happens. */
export class ProcessClock implements Clock {
  readonly #time: SimulatedTime;
  readonly #startedMs: number;
  /** How far its time of day is ahead of the true one. */
  aheadMs: number;
  #waiting: (() => void)[] | undefined;
  #ended = false;

  constructor(time: SimulatedTime, aheadMs: number) {
    this.#time = time;
    this.#startedMs = time.now();
    this.aheadMs = aheadMs;
  }

  now(): number {
    return this.#time.now() + this.aheadMs;
  }

  monotonicMs(): number {
    return this.#time.now() - this.#startedMs;
  }

  setTimer(delayMs: number, callback: () => void): Cancel {
    let canceled = false;
    const cancel = this.#time.setTimer(delayMs, () =>
      this.#do(() => {
        if (!canceled) callback();
      }));
    return () => {
      canceled = true;
      cancel();
    };
  }

  macrotask(callback: () => void): void {
    this.#time.setTimer(0, () => this.#do(callback));
  }

  yield(callback: () => void): void {
    this.#time.setTimer(0, () => this.#do(callback));
  }

  /** What is due waits. */
  pause(): void {
    this.#waiting ??= [];
  }

  /** What has waited comes, in its order. */
  resume(): void {
    const waiting = this.#waiting ?? [];
    this.#waiting = undefined;
    for (const action of waiting) this.#time.setTimer(0, () => this.#do(action));
  }

  /** Nothing is called any more. */
  end(): void {
    this.#ended = true;
    this.#waiting = undefined;
  }

  #do(action: () => void): void {
    if (this.#ended) return;
    if (this.#waiting === undefined) action();
    else this.#waiting.push(action);
  }
}

function isBefore(one: TimedEvent, other: TimedEvent): boolean {
  return one.dueMs < other.dueMs || (one.dueMs === other.dueMs && one.order < other.order);
}

/** Resolves when no microtask is left. */
function quiet(): Promise<void> {
  return new Promise((resolve) => macrotask(resolve));
}
