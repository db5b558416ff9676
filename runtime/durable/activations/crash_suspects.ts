import type { Timers } from "../../scheduling/timers.ts";
import type { Probes } from "../commits/probes.ts";

/** How much is tried at once. What has begun takes 4: 25 begin together. What awaits something takes 1. */
const placesMax = 100;
const beginning = 4;
const awaiting = 1;
/** How long a trial keeps others out, times two for each attempt; and at the most. Counted it is already. */
const excludesMs = 250;
const excludesMsMax = 30_000;
/** After so many that were tried together comes one of those that wait to be tried alone. */
const waveMax = 100;

/** One message that is tried. */
export interface Trial {
  /** Its handler has given the thread back: more may begin beside it, unless it is tried alone. */
  awaits(): void;
  /** It is over. */
  end(): void;
}

/**
 * What was waiting when a process ended without a word may be what ended it. Such messages are tried a few at a time;
 * one that was running, alone, so that it does not take its neighbours along. None keeps the others out for ever: one
 * that takes long goes on beside them, for longer alone at each attempt, and between two that are tried alone come those
 * that are tried together.
 */
export class CrashSuspects {
  readonly #timers: Timers;
  /** Only in simulations. */
  readonly #probes: Probes | undefined;
  #free = placesMax;
  /** In the order of coming. Sets, since to take the first of a long array costs as much as it is long. */
  readonly #together = new Set<() => void>();
  readonly #alone = new Set<() => void>();
  /** How many are tried together before the next alone. */
  #wave = waveMax;
  #admitting = false;

  constructor(timers: Timers, probes?: Probes) {
    this.#timers = timers;
    this.#probes = probes;
  }

  /** Calls `enter` when its so-many-th attempt may begin; from the second on nothing else runs beside it at first. */
  enter(attempt: number, enter: (trial: Trial) => void): void {
    const alone = attempt > 1;
    const places = alone ? placesMax : beginning;
    (alone ? this.#alone : this.#together).add(() => enter(this.#begin(attempt, places, alone)));
    this.#admit();
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
    const forMs = Math.min(excludesMs * 2 ** attempt, excludesMsMax);
    const timer = this.#timers.set(forMs, () => this.#probes?.without("hung-give-way") || keep(0));
    return {
      awaits: () => alone || keep(awaiting),
      end() {
        timer.cancel();
        keep(0);
      },
    };
  }

  #admit(): void {
    if (this.#admitting) return; // one that ends as soon as it enters makes room for the next in the same loop
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
