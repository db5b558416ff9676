// What the runtime imports when it needs it is loaded in advance, so that the import takes no simulated time.
import "../lazy_parts.ts";
import { type Cancel, type Clock, macrotask } from "../../runtime/base/clock.ts";

interface TimedEvent {
  readonly dueMs: number;
  /** The order among events with the same due time. */
  readonly order: number;
  action: (() => void) | undefined;
}

/**
 * The true time of a simulation. Events run one at a time, each after all work that the previous one caused
 * has run, in an order that depends only on the simulation.
 */
export class SimulatedTime implements Clock {
  readonly #beganMs: number;
  #nowMs: number;
  #events: TimedEvent[] = [];
  #last = 0;
  /** The number of events that have run. */
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

  /** Runs the events that are due within `byMs` milliseconds, until `done` returns true. */
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

/**
 * The clock of one process: its wall clock may differ from the true time, and while it is paused no timer
 * fires.
 */
export class ProcessClock implements Clock {
  readonly #time: SimulatedTime;
  readonly #startedMs: number;
  /** How far its wall clock is ahead of the true time, in milliseconds. */
  aheadMs: number;
  #waiting: (() => void)[] | undefined;
  #ended = false;
  /** How many timers are set. */
  #timers = 0;

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
    let over = false;
    const end = () => {
      if (!over) this.#timers--;
      over = true;
    };
    this.#timers++;
    const cancel = this.#time.setTimer(delayMs, () =>
      this.#do(() => {
        if (over) return;
        end();
        callback();
      }));
    return () => {
      end();
      cancel();
    };
  }

  macrotask(callback: () => void): void {
    this.setTimer(0, callback);
  }

  yield(callback: () => void): void {
    this.setTimer(0, callback);
  }

  /** Whether no timer is set: a platform may stop the process then. */
  get idle(): boolean {
    return this.#timers === 0;
  }

  /** Defers everything that becomes due. */
  pause(): void {
    this.#waiting ??= [];
  }

  /** Runs the deferred callbacks, in their order. */
  resume(): void {
    const waiting = this.#waiting ?? [];
    this.#waiting = undefined;
    for (const action of waiting) this.#time.setTimer(0, () => this.#do(action));
  }

  /** Discards all callbacks, those that become due later included. */
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

/** Resolves when the microtask queue is empty. */
function quiet(): Promise<void> {
  return new Promise((resolve) => macrotask(resolve));
}
