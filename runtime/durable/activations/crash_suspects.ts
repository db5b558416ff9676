import type { Timers } from "../../scheduling/timers.ts";

/** The slots for trials. A trial that begins takes 4 of them, so 25 begin together; one that awaits something takes 1. */
const placesMax = 100;
const beginning = 4;
const awaiting = 1;
/** How long a trial keeps others out: it doubles with each attempt, up to the maximum. */
const excludesMs = 250;
const excludesMsMax = 30_000;
/** After so many trials that run together, one of those runs that must run alone. */
const waveMax = 100;

/** The trial of one message. */
export interface Trial {
  /** Its handler awaits something: more trials may begin beside it, unless it must run alone. */
  awaits(): void;
  /** It is over. */
  end(): void;
}

/**
 * The queue of messages that may have crashed a process (poison messages). They are tried a few at a time. One that was
 * running when a process crashed is tried alone, so that it does not crash its neighbours as well. None keeps the others
 * out for ever: one that takes long runs on beside them, and between two that must run alone others run together.
 */
export class CrashSuspects {
  readonly #timers: Timers;
  #free = placesMax;
  /** In order. Sets, since taking the first of a long array costs time in its length. */
  readonly #together = new Set<() => void>();
  readonly #alone = new Set<() => void>();
  /** How many trials run together before the next that must run alone. */
  #wave = waveMax;
  #admitting = false;

  constructor(timers: Timers) {
    this.#timers = timers;
  }

  /** Calls `enter` when that attempt may begin. From the second attempt on, nothing else runs beside it at first. */
  enter(attempt: number, enter: (trial: Trial) => void): void {
    const alone = attempt > 1;
    const places = alone ? placesMax : beginning;
    (alone ? this.#alone : this.#together).add(() => enter(this.#begin(attempt, places, alone)));
    this.#admit();
  }

  /** How long that attempt keeps others out. */
  exclusionMs(attempt: number): number {
    return Math.min(excludesMs * 2 ** attempt, excludesMsMax);
  }

  #begin(attempt: number, places: number, alone: boolean): Trial {
    let taken = places;
    this.#free -= places;
    const keep = (most: number) => {
      if (most >= taken) return;
      this.#free += taken - most;
      taken = most;
      this.#admit();
    };
    const timer = this.#timers.set(this.exclusionMs(attempt), () => keep(0));
    return {
      awaits: () => alone || keep(awaiting),
      end() {
        timer.cancel();
        keep(0);
      },
    };
  }

  #admit(): void {
    if (this.#admitting) return; // the loop under way admits what this call would
    this.#admitting = true;
    for (let enter = this.#next(); enter !== undefined; enter = this.#next()) enter();
    this.#admitting = false;
  }

  #next(): (() => void) | undefined {
    const turnOfAlone = this.#alone.size > 0 && (this.#wave === 0 || this.#together.size === 0);
    if (this.#free < (turnOfAlone ? placesMax : beginning)) return undefined;
    const queue = turnOfAlone ? this.#alone : this.#together;
    const [next] = queue;
    if (next === undefined) return undefined;
    queue.delete(next);
    this.#wave = turnOfAlone ? waveMax : Math.max(this.#wave - 1, 0);
    return next;
  }
}
