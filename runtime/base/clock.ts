/** Cancels a timer: its callback is not called afterwards. */
export type Cancel = () => void;

/**
 * The source of time. A system reads no other clock and sets no other timer, so a virtual clock drives every timeout of
 * a test.
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
  /** Milliseconds since some fixed moment. It never goes back; only differences have a meaning. */
  monotonicMs(): number;
  /** Calls `callback` once, after at least `delayMs` milliseconds. */
  setTimer(delayMs: number, callback: () => void): Cancel;
  /** Calls `callback` in the next turn of the event loop. */
  macrotask(callback: () => void): void;
  /** Calls `callback` after timers, sockets and signals that are due have had their turn. */
  yield(callback: () => void): void;
}

/** The maximum delay of `setTimeout`, in milliseconds: it fires at once above this. */
const delayMsMax = 2_147_483_647;

/**
 * The number of turns of the event loop that a yield takes. One turn would let timers run but starve sockets: under load
 * a request needs about 55 turns until it is handled.
 */
const yieldTurns = 64;
/** The maximum duration of a yield, in milliseconds: turns with much other work would starve the actors. */
const yieldMsMax = 2;

/**
 * The clock of the machine. It needs `setTimeout`. If there is a `setImmediate`, it yields with that, which takes
 * microseconds instead of milliseconds.
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
      let timer: ReturnType<typeof setTimeout> | undefined;
      let cancelled = false;
      // Before 2.6 Deno fires a timer that was cleared in the turn of the event loop in which it is due.
      const fire = () => {
        if (!cancelled) callback();
      };
      const cancel = () => {
        cancelled = true;
        clearTimeout(timer);
      };
      const ms = Math.min(Math.max(delayMs, 0), delayMsMax);
      if (!firstTurn.over) {
        const set = () => {
          if (!cancelled) timer = setTimeout(fire, ms);
        };
        // Not within the listener: Deno takes a timer that is set there for one that nobody cancels.
        return firstTurn.after(() => queueMicrotask(set), cancel);
      }
      timer = setTimeout(fire, ms);
      return cancel;
    },
    macrotask,
    yield(callback) {
      if (!firstTurn.over) return void firstTurn.after(callback); // a timer called it, so all other timers had their turn
      let turns = typeof setImmediate === "function" ? yieldTurns : 1;
      const untilMs = performance.now() + yieldMsMax;
      const step = () => --turns === 0 || performance.now() >= untilMs ? callback() : turn(step);
      turn(step);
    },
  };
}

/** Functions that not every platform has, and not every compiler knows. */
declare const setImmediate: ((callback: () => void) => unknown) | undefined;
declare const Deno: unknown;
declare const navigator: { readonly userAgent?: string } | undefined;

/** Before 2.6 Deno's `setImmediate` took a millisecond, as a timer does. A message through a channel takes a tenth. */
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

/** Sends a message through a channel, and runs `callback` when it arrives. Timers may have to wait for longer. */
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
 * The first turn of the event loop. Deno loads its timers when a program first uses their names, even in a `typeof`, and
 * that takes longer than the first ask. So timers that are set before that turn begin with it, a millisecond or two
 * later, and those that are cancelled until then never load them.
 */
class FirstTurn {
  #signal: AbortSignal | undefined;
  /** Whether it has begun. On other platforms timers need no loading. */
  over = typeof Deno === "undefined";

  /** Calls `callback` in that turn. The result cancels the call, or calls `undo` if it was made. */
  after(callback: () => void, undo?: () => void): Cancel {
    let called = false;
    const call = () => {
      this.over = called = true;
      callback();
    };
    // The only timer that needs no loading. It keeps the process alive while it has a listener.
    if (this.#signal === undefined || this.#signal.aborted) this.#signal = AbortSignal.timeout(0);
    const signal = this.#signal;
    signal.addEventListener("abort", call, { once: true }); // or it would keep the first system for ever
    return () => called ? undo?.() : signal.removeEventListener("abort", call);
  }
}

const firstTurn = new FirstTurn();
