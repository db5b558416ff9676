/** Takes back what was set: afterwards the callback is never called. */
export type Cancel = () => void;

/**
 * Time, as the runtime sees it. A system reads no other clock and sets no other timer, so a virtual clock drives
 * every time-out of a test.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { type Clock, systemClock } from "@posthorn/posthorn";
 *
 * const clock: Clock = systemClock();
 * assert(clock.now() > 0);
 * ```
 */
export interface Clock {
  /** The time of day, in milliseconds since 1970. It may jump. */
  now(): number;
  /** Milliseconds since some fixed moment. It never goes back; only differences mean anything. */
  monotonicMs(): number;
  /** Calls `callback` once, after at least `delayMs` milliseconds. */
  setTimer(delayMs: number, callback: () => void): Cancel;
  /** Calls `callback` in the next turn of the event loop. */
  macrotask(callback: () => void): void;
  /** Calls `callback` after timers, sockets and signals that are due have had their turn. */
  yield(callback: () => void): void;
}

/** `setTimeout` fires at once above this. */
const delayMsMax = 2_147_483_647;

/**
 * How many turns of the event loop a yield takes. One lets timers run but starves sockets: under load a request
 * needs about 55 turns to come through, whatever runs in between.
 */
const yieldTurns = 64;
/** How long it takes at the most: turns that do work of their own would starve the actors instead. */
const yieldMsMax = 2;

/**
 * The clock of the machine. Works wherever `setTimeout` does; where there is `setImmediate` it yields with that,
 * which costs microseconds instead of milliseconds.
 *
 * @example
 * ```ts
 * import { System, systemClock } from "@posthorn/posthorn";
 *
 * await using system = new System({ actors: [], clock: systemClock() });
 * ```
 *
 * @returns a clock without state of its own: any number of systems may share it
 */
export function systemClock(): Clock {
  return {
    now: () => Date.now(),
    monotonicMs: () => performance.now(),
    setTimer(delayMs, callback) {
      const timer = setTimeout(callback, Math.min(Math.max(delayMs, 0), delayMsMax));
      return () => clearTimeout(timer);
    },
    macrotask,
    yield(callback) {
      let turns = typeof setImmediate === "function" ? yieldTurns : 1;
      const untilMs = performance.now() + yieldMsMax;
      const step = () => --turns === 0 || performance.now() >= untilMs ? callback() : macrotask(step);
      macrotask(step);
    },
  };
}

/** Not every platform has it, nor every compiler knows it. */
declare const setImmediate: ((callback: () => void) => unknown) | undefined;

/** Runs `callback` in the next turn of the event loop. */
export function macrotask(callback: () => void): void {
  if (typeof setImmediate === "function") setImmediate(callback);
  else setTimeout(callback, 0);
}
