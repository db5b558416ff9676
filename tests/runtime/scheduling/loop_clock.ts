import type { Cancel, Clock } from "@posthorn/posthorn";
import type { Runnable, Scheduler } from "../../../runtime/scheduling/scheduler.ts";

/** A clock whose time advances with the work, and whose event loop turns on command. */
export class LoopClock implements Clock {
  ms = 0;
  /** The number of requests to let the event loop turn before continuing. */
  yields = 0;
  #tasks: (() => void)[] = [];

  now(): number {
    return 1_000_000 + this.ms;
  }

  monotonicMs(): number {
    return this.ms;
  }

  setTimer(_delayMs: number, _callback: () => void): Cancel {
    throw new Error("a scheduler sets no timer");
  }

  macrotask(callback: () => void): void {
    this.#tasks.push(callback);
  }

  yield(callback: () => void): void {
    this.yields++;
    this.#tasks.push(callback);
  }

  /** Turns the event loop once. Returns whether there was anything to do. */
  turn(): boolean {
    const tasks = this.#tasks;
    this.#tasks = [];
    for (const task of tasks) task();
    return tasks.length > 0;
  }
}

/** A runnable with a number of messages, each of which takes time. */
export class Work implements Runnable {
  nextReady: Runnable | undefined;
  left: number;
  readonly name: string;
  readonly #costMs: number;
  readonly #clock: LoopClock;
  readonly #onRun: (work: Work, count: number) => void;

  constructor(
    name: string,
    left: number,
    costMs: number,
    clock: LoopClock,
    onRun: (work: Work, count: number) => void,
  ) {
    this.name = name;
    this.left = left;
    this.#costMs = costMs;
    this.#clock = clock;
    this.#onRun = onRun;
  }

  run(scheduler: Scheduler): boolean {
    let count = 0;
    let more = true;
    while (this.left > 0 && more) {
      const handled = Math.min(this.left, scheduler.allowance);
      this.left -= handled;
      count += handled;
      this.#clock.ms += handled * this.#costMs;
      more = scheduler.spend(handled);
    }
    this.#onRun(this, count);
    return this.left > 0;
  }
}
