import type { Cancel, Clock } from "../base/clock.ts";

/** A callback that is due at a time of the monotonic clock. */
interface Due {
  readonly dueMs: number;
  readonly callback: () => void;
  /** Cancels its timer; absent while it has none. */
  cancel: Cancel | undefined;
}

/**
 * A clock for one `Timers`, which has one timer of the clock at a time. If that is held, there is none: the callback is
 * called when somebody rings and it is due. So a process that may be stopped whenever it has no timer may be stopped.
 */
export class RungClock implements Clock {
  readonly #clock: Clock;
  readonly #holds: (delayMs: number) => boolean;
  #due: Due | undefined;

  /** `holds` decides whether a timer of so many milliseconds is held. */
  constructor(clock: Clock, holds: (delayMs: number) => boolean) {
    this.#clock = clock;
    this.#holds = holds;
  }

  /** How long until the timer is due, in milliseconds; absent if there is none. */
  get leftMs(): number | undefined {
    return this.#due && this.#due.dueMs - this.#clock.monotonicMs();
  }

  now(): number {
    return this.#clock.now();
  }

  monotonicMs(): number {
    return this.#clock.monotonicMs();
  }

  setTimer(delayMs: number, callback: () => void): Cancel {
    const due: Due = { dueMs: this.#clock.monotonicMs() + delayMs, callback, cancel: undefined };
    this.#due = due;
    this.#arm(due, delayMs);
    return () => {
      due.cancel?.();
      if (this.#due === due) this.#due = undefined;
    };
  }

  macrotask(callback: () => void): void {
    this.#clock.macrotask(callback);
  }

  yield(callback: () => void): void {
    this.#clock.yield(callback);
  }

  /** Looks whether the timer that is held is due. */
  ring(): void {
    const due = this.#due;
    if (due !== undefined && due.cancel === undefined) this.#arm(due, this.leftMs!);
  }

  #arm(due: Due, delayMs: number): void {
    if (this.#holds(delayMs)) return;
    due.cancel = this.#clock.setTimer(Math.max(delayMs, 0), () => {
      if (this.#due === due) this.#due = undefined;
      due.callback();
    });
  }
}
