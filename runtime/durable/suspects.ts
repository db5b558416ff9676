import type { Timers } from "../timers.ts";

/** How much is tried at once. What has begun takes 4: 25 begin together. What awaits something takes 1. */
const placesMax = 100;
const beginning = 4;
const awaiting = 1;
/** How long a trial keeps others out, times two for each attempt; and at the most. Counted it is already. */
const excludesMs = 500;
const excludesMsMax = 30_000;

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
 * that takes long goes on beside them, for longer alone at each attempt.
 */
export class Suspects {
  readonly #timers: Timers;
  #free = placesMax;
  #waiting: { readonly places: number; readonly enter: () => void }[] = [];

  constructor(timers: Timers) {
    this.#timers = timers;
  }

  /** Calls `enter` when its so-many-th attempt may begin; from the second on nothing else runs beside it at first. */
  enter(attempt: number, enter: (trial: Trial) => void): void {
    const alone = attempt > 1;
    const places = alone ? placesMax : beginning;
    this.#waiting.push({ places, enter: () => enter(this.#begin(attempt, places, alone)) });
    this.#admit();
  }

  #begin(attempt: number, places: number, alone: boolean): Trial {
    let taken = places;
    const keep = (most: number) => {
      if (most >= taken) return;
      this.#free += taken - most;
      taken = most;
      this.#admit();
    };
    const forMs = Math.min(excludesMs * 2 ** attempt, excludesMsMax);
    const timer = this.#timers.set(forMs, () => keep(0));
    return {
      awaits: () => alone || keep(awaiting),
      end() {
        timer.cancel();
        keep(0);
      },
    };
  }

  #admit(): void {
    for (
      let next = this.#waiting[0];
      next !== undefined && next.places <= this.#free;
      next = this.#waiting[0]
    ) {
      this.#waiting.shift();
      this.#free -= next.places;
      next.enter();
    }
  }
}
