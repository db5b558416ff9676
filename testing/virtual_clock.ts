// What the runtime imports when it needs it is loaded in advance, so that the import takes no virtual time.
import "./lazy_parts.ts";
import { type Cancel, type Clock, macrotask } from "../runtime/base/clock.ts";

/** Options of {@linkcode VirtualClock}. */
export interface VirtualClockOptions {
  /**
   * The initial time, in milliseconds since 1970.
   *
   * @default {Date.UTC(2030, 0, 1)}
   */
  readonly nowMs?: number;
}

interface VirtualTimer {
  readonly dueMs: number;
  readonly callback: () => void;
}

/**
 * A clock that only moves when `advance` is called. Timeouts, backoff and schedules take no real time in
 * tests, and fire in the same order in every run.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { actor, ask, protocol, System, unchecked } from "@posthorn/posthorn";
 * import { VirtualClock } from "@posthorn/posthorn/testing";
 *
 * const Sloth = protocol("sloth", { hurry: ask(unchecked<void>()) });
 * const sloth = actor(Sloth, { state: () => null, on: { hurry: () => new Promise<void>(() => {}) } });
 *
 * const clock = new VirtualClock();
 * const system = new System({ actors: [sloth], clock });
 * const answer = system.ref(Sloth, "sid").ask(Sloth.hurry, { timeoutMs: 60_000 });
 * const code = answer.catch((error) => error.code);
 * await clock.advance(60_000);
 * assert(await code === "deadline");
 * await system.stop({ drainMs: 0 });
 * ```
 */
export class VirtualClock implements Clock {
  readonly #beganMs: number;
  #nowMs: number;
  /** Sorted by due time. */
  readonly #timers: VirtualTimer[] = [];

  /** Creates a clock with the time `nowMs`. Throws a `RangeError` if that is no finite number. */
  constructor(options: VirtualClockOptions = {}) {
    const { nowMs = Date.UTC(2030, 0, 1) } = options;
    if (!Number.isFinite(nowMs)) {
      throw new RangeError(`Cannot use nowMs: it must be a finite number: current value is ${nowMs}`);
    }
    this.#nowMs = this.#beganMs = nowMs;
  }

  /** The virtual time, in milliseconds since 1970. */
  now(): number {
    return this.#nowMs;
  }

  /** Virtual milliseconds since the clock was created. */
  monotonicMs(): number {
    return this.#nowMs - this.#beganMs;
  }

  /** The number of pending timers. */
  get waiting(): number {
    return this.#timers.length;
  }

  /** Calls `callback` when the clock has advanced by `delayMs`. */
  setTimer(delayMs: number, callback: () => void): Cancel {
    const timer = { dueMs: this.#nowMs + Math.max(delayMs, 0), callback };
    let index = this.#timers.length;
    while (index > 0 && this.#timers[index - 1].dueMs > timer.dueMs) index--;
    this.#timers.splice(index, 0, timer);
    return () => {
      const place = this.#timers.indexOf(timer);
      if (place >= 0) this.#timers.splice(place, 1);
    };
  }

  /** Calls `callback` in a microtask, without advancing the time. */
  macrotask(callback: () => void): void {
    queueMicrotask(callback);
  }

  /** Calls `callback` in a microtask, without advancing the time. */
  yield(callback: () => void): void {
    queueMicrotask(callback);
  }

  /**
   * Advances the time by `byMs` milliseconds, at least 0. Fires due timers in order, and after each waits until
   * all work that it caused has run. Rejects with a `RangeError` if it is no finite number of at least 0.
   */
  async advance(byMs: number): Promise<void> {
    if (!Number.isFinite(byMs) || byMs < 0) {
      const must = "it takes a finite number of milliseconds of at least 0";
      throw new RangeError(`Cannot advance a clock: ${must}: current value is ${byMs}`);
    }
    const untilMs = this.#nowMs + byMs;
    await this.settle();
    while (this.#timers.length > 0 && this.#timers[0].dueMs <= untilMs) {
      const { dueMs, callback } = this.#timers.shift()!;
      this.#nowMs = dueMs;
      callback();
      await this.settle();
    }
    this.#nowMs = untilMs;
  }

  /** Waits until all work that does not depend on a timer has run. */
  settle(): Promise<void> {
    return new Promise((resolve) => macrotask(resolve));
  }
}
