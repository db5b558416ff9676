import { requireDelay } from "../../runtime/base/errors.ts";
import type { Random } from "../../runtime/base/random.ts";

/**
 * What a simulated store does that real ones do on bad days: each a probability from 0, which is never, to 1. What is
 * absent never happens.
 */
export interface SimulatedFaults {
  /** That a commit takes one or more of its parts for stale that check a version, though their checks hold. */
  readonly conflict?: number;
  /** That a commit finds the store locked: `StoreError`, code `store-unavailable`, and nothing is applied. */
  readonly locked?: number;
  /** That from a commit on there is no room for a while: `StoreError`, code `store-full`, for it and those that follow. */
  readonly full?: number;
  /** That a commit is applied and says that it does not know: `OutcomeUnknownError`. */
  readonly unknownLanded?: number;
  /** That a commit is lost and says that it does not know. */
  readonly unknownLost?: number;
  /** That a commit says that it does not know, and is applied later if its checks hold then. */
  readonly unknownLandsLate?: number;
  /**
   * That a commit is applied, and applied once more, and answers what it hears the second time: so the client of a store
   * over a network repeats by itself what the answer to was lost. Parts that check what they change are said to be stale.
   * Only for a store with `unknownOutcomes`.
   */
  readonly landedStale?: number;
  /** That a read or a list fails: `StoreError`, code `store-unavailable`. */
  readonly unreadable?: number;
  /** That a call takes long. */
  readonly slow?: number;
  /** That the keys of one read are read at different moments. */
  readonly readApart?: number;
  /** That a list is of a moment before its answer arrives. */
  readonly listBatch?: number;
  /** That a watch does not hear of a commit. */
  readonly watchLost?: number;
  /** That a watch hears late, and once, of all that rings until then. */
  readonly watchCoalesced?: number;
  /** That a value is there for some time after it has expired. */
  readonly lazyExpiry?: number;
  /** That a commit that is under way when its instance crashes is applied nevertheless. */
  readonly crashLands?: number;
}

/** How long things take in a simulated store, in milliseconds. What is `…MsMax` is drawn between 0 and that. */
export interface SimulatedTimes {
  /**
   * The least that a call takes.
   *
   * @default {1}
   */
  readonly latencyMsMin?: number;
  /**
   * The most that a call takes which is not slow.
   *
   * @default {10}
   */
  readonly latencyMsMax?: number;
  /**
   * What is added to a call that is `slow`.
   *
   * @default {5_000}
   */
  readonly slowMsMax?: number;
  /**
   * After what time a commit lands that does so late.
   *
   * @default {8_000}
   */
  readonly lateMsMax?: number;
  /**
   * How long it stays full.
   *
   * @default {3_000}
   */
  readonly fullMsMax?: number;
  /**
   * How late a coalesced watch hears.
   *
   * @default {2_000}
   */
  readonly coalescedMsMax?: number;
  /**
   * How long a value stays that has expired.
   *
   * @default {60_000}
   */
  readonly expiryMsMax?: number;
}

/** The names of the faults. */
export type SimulatedFault = keyof SimulatedFaults;

const none: Readonly<Record<SimulatedFault, 0>> = {
  conflict: 0,
  locked: 0,
  full: 0,
  unknownLanded: 0,
  unknownLost: 0,
  unknownLandsLate: 0,
  landedStale: 0,
  unreadable: 0,
  slow: 0,
  readApart: 0,
  listBatch: 0,
  watchLost: 0,
  watchCoalesced: 0,
  lazyExpiry: 0,
  crashLands: 0,
};

const usualTimes: Required<SimulatedTimes> = {
  latencyMsMin: 1,
  latencyMsMax: 10,
  slowMsMax: 5_000,
  lateMsMax: 8_000,
  fullMsMax: 3_000,
  coalescedMsMax: 2_000,
  expiryMsMax: 60_000,
};

/** Draws what happens, and counts what did. */
export class FaultInjector {
  /** How often each fault has happened. */
  readonly counts: Record<SimulatedFault, number> = { ...none };
  readonly #random: Random;
  readonly #times: Required<SimulatedTimes>;
  #faults: SimulatedFaults = none;

  constructor(random: Random, times: SimulatedTimes) {
    this.#random = random;
    this.#times = { ...usualTimes, ...times };
    for (const [name, ms] of Object.entries(this.#times)) requireDelay(`times.${name}`, ms);
  }

  /** What may happen from now on. */
  get faults(): SimulatedFaults {
    return this.#faults;
  }

  set faults(faults: SimulatedFaults) {
    for (const [name, probability] of Object.entries(faults)) {
      if (!(name in none)) throw new RangeError(`Cannot use faults.${name}: there is no such fault`);
      if (probability === undefined || (probability >= 0 && probability <= 1)) continue;
      throw new RangeError(
        `Cannot use faults.${name}: it must be from 0 to 1: current value is ${probability}`,
      );
    }
    this.#faults = { ...faults };
  }

  /** Whether it happens this time. What never happens draws nothing. */
  strikes(fault: SimulatedFault): boolean {
    const probability = this.#faults[fault] ?? 0;
    if (probability === 0 || this.#random.next() >= probability) return false;
    this.counts[fault]++;
    return true;
  }

  /** How long the next call takes. */
  latencyMs(): number {
    const { latencyMsMin, latencyMsMax } = this.#times;
    const usualMs = latencyMsMin + this.#random.next() * (latencyMsMax - latencyMsMin);
    return this.strikes("slow") ? usualMs + this.below("slowMsMax") : usualMs;
  }

  /** A time up to that. */
  below(time: Exclude<keyof SimulatedTimes, "latencyMsMin">): number {
    return this.share() * this.#times[time];
  }

  /** A number from 0 on and below 1. */
  share(): number {
    return this.#random.next();
  }
}
