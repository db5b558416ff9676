/** Cancels a timer: its callback is not called afterwards. */
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
      let timer: ReturnType<typeof setTimeout>;
      const set = () => void (timer = setTimeout(callback, Math.min(Math.max(delayMs, 0), delayMsMax)));
      if (!firstTurn.over) return firstTurn.after(set, () => clearTimeout(timer));
      set();
      return () => clearTimeout(timer);
    },
    macrotask,
    yield(callback) {
      if (!firstTurn.over) return void firstTurn.after(callback); // it comes from a timer: all the others had theirs
      let turns = typeof setImmediate === "function" ? yieldTurns : 1;
      const untilMs = performance.now() + yieldMsMax;
      const step = () => --turns === 0 || performance.now() >= untilMs ? callback() : turn(step);
      turn(step);
    },
  };
}

/** Not every platform has them, nor every compiler knows them. */
declare const setImmediate: ((callback: () => void) => unknown) | undefined;
declare const Deno: unknown;
declare const navigator: { readonly userAgent?: string } | undefined;

/** Before 2.6 Deno's `setImmediate` took a millisecond, as a timer does; a message to oneself takes a tenth of that. */
const immediateIsSlow = typeof navigator !== "undefined" &&
  /^Deno\/2\.[0-5]\./.test(navigator.userAgent ?? "");

/** Runs `callback` in the next turn of the event loop. */
export function macrotask(callback: () => void): void {
  if (!firstTurn.over) firstTurn.after(callback);
  else if (immediateIsSlow) message(callback);
  else turn(callback);
}

/** Runs `callback` once the event loop has looked at its timers. */
function turn(callback: () => void): void {
  if (typeof setImmediate === "function") setImmediate(callback);
  else setTimeout(callback, 0);
}

/** Runs `callback` when a message has come that is sent now: timers may have to wait for longer. */
function message(callback: () => void): void {
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = () => {
    port1.close();
    port2.close();
    callback();
  };
  port2.postMessage(undefined);
}

/**
 * The first turn of the event loop that somebody waits for. Deno loads its timers when they are first touched, even by
 * a `typeof`, and that takes longer than the first ask. So what is asked for before that turn waits for it, a
 * millisecond or two, and what is taken back until then never touches them.
 */
class FirstTurn {
  #signal: AbortSignal | undefined;
  /** Whether it has been. Elsewhere timers are there from the start. */
  over = typeof Deno === "undefined";

  /** Calls `callback` in it. What is returned takes that back, or calls `undo` once it has been called. */
  after(callback: () => void, undo?: () => void): Cancel {
    let called = false;
    const call = () => {
      this.over = called = true;
      callback();
    };
    // The one timer that is there without loading. It keeps the process alive while somebody listens.
    if (this.#signal === undefined || this.#signal.aborted) this.#signal = AbortSignal.timeout(0);
    const signal = this.#signal;
    signal.addEventListener("abort", call, { once: true }); // or it would keep the first system for ever
    return () => called ? undo?.() : signal.removeEventListener("abort", call);
  }
}

const firstTurn = new FirstTurn();
