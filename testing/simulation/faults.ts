import { requireDelay } from "../../runtime/base/require.ts";
import type { Random } from "../../runtime/base/random.ts";

/**
 * The faults that a simulated store injects: for each a probability from 0 (never) to 1. Absent ones never
 * occur.
 */
export interface SimulatedFaults {
  /** A commit reports one or more of its parts that check a version as stale although their checks hold. */
  readonly conflict?: number;
  /** A commit finds the store locked: `StoreError` with code `store-unavailable`; nothing is applied. */
  readonly locked?: number;
  /**
   * The store is full for a while: `StoreError` with code `store-full` for this commit and those that follow.
   */
  readonly full?: number;
  /** A commit is applied, and its outcome is reported as unknown: `OutcomeUnknownError`. */
  readonly unknownLanded?: number;
  /** A commit is lost, and its outcome is reported as unknown. */
  readonly unknownLost?: number;
  /** The outcome of a commit is reported as unknown, and it is applied later if its checks hold then. */
  readonly unknownLandsLate?: number;
  /**
   * A commit is applied twice, and reports the result of the second time, as by a network client that retries
   * after a lost response. Parts that check keys that they change are then reported as stale. Only for a
   * store with `unknownOutcomes`.
   */
  readonly landedStale?: number;
  /** A read or a list fails: `StoreError` with code `store-unavailable`. */
  readonly unreadable?: number;
  /** A call is slow. */
  readonly slow?: number;
  /** The keys of one read are read at different times. */
  readonly readApart?: number;
  /** A list is a snapshot of a time before its response. */
  readonly listBatch?: number;
  /** A watch is not notified of a commit. */
  readonly watchLost?: number;
  /** A watch is notified late, once for all commits until then. */
  readonly watchCoalesced?: number;
  /** A value remains readable for some time after it has expired. */
  readonly lazyExpiry?: number;
  /** A commit in progress when its instance crashes is applied nevertheless. */
  readonly crashLands?: number;
  /**
   * With `presence`, at a question who is gone: the session of its connection ends although its process lives, and
   * another one begins after a while. Until then its locks are free, and it hears no notification.
   */
  readonly sessionLost?: number;
  /** With `presence`: the session of a connection whose instance crashes stays, as after a loss of power. */
  readonly sessionStays?: number;
  /**
   * With `presence`, at a question who is gone: the server restarts. All sessions end, which proves nothing about
   * processes, and the server answers nothing for a while.
   */
  readonly serverRestarted?: number;
  /** With `presence`: a question who is gone takes long. */
  readonly presenceSilent?: number;
}

/**
 * The durations of a simulated store, in milliseconds. A `…MsMax` is the upper bound of a random duration.
 */
export interface SimulatedTimes {
  /**
   * The minimum latency of a call.
   *
   * @default {1}
   */
  readonly latencyMsMin?: number;
  /**
   * The maximum latency of a call that is not slow.
   *
   * @default {10}
   */
  readonly latencyMsMax?: number;
  /**
   * The maximum additional latency of a `slow` call.
   *
   * @default {5_000}
   */
  readonly slowMsMax?: number;
  /**
   * The maximum delay after which a late commit is applied.
   *
   * @default {8_000}
   */
  readonly lateMsMax?: number;
  /**
   * How long the store stays full.
   *
   * @default {3_000}
   */
  readonly fullMsMax?: number;
  /**
   * The maximum delay of a coalesced notification.
   *
   * @default {2_000}
   */
  readonly coalescedMsMax?: number;
  /**
   * The maximum time for which an expired value remains readable.
   *
   * @default {60_000}
   */
  readonly expiryMsMax?: number;
  /**
   * The maximum time until another session begins.
   *
   * @default {1_500}
   */
  readonly sessionMsMax?: number;
  /**
   * The maximum time for which a server that restarts answers nothing.
   *
   * @default {2_000}
   */
  readonly downMsMax?: number;
  /**
   * The maximum time that a question who is gone takes if it takes long.
   *
   * @default {10_000}
   */
  readonly silentMsMax?: number;
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
  sessionLost: 0,
  sessionStays: 0,
  serverRestarted: 0,
  presenceSilent: 0,
};

const usualTimes: Required<SimulatedTimes> = {
  latencyMsMin: 1,
  latencyMsMax: 10,
  slowMsMax: 5_000,
  lateMsMax: 8_000,
  fullMsMax: 3_000,
  coalescedMsMax: 2_000,
  expiryMsMax: 60_000,
  sessionMsMax: 1_500,
  downMsMax: 2_000,
  silentMsMax: 10_000,
};

/** Decides at random which faults occur, and counts them. */
export class FaultInjector {
  /** The number of times each fault has occurred. */
  readonly counts: Record<SimulatedFault, number> = { ...none };
  readonly #random: Random;
  readonly #times: Required<SimulatedTimes>;
  #faults: SimulatedFaults = none;

  constructor(random: Random, times: SimulatedTimes) {
    this.#random = random;
    this.#times = { ...usualTimes, ...times };
    for (const [name, ms] of Object.entries(this.#times)) requireDelay(`times.${name}`, ms);
  }

  /** The faults that may occur from now on. */
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

  /** Whether a fault occurs this time. A fault with probability 0 consumes no randomness. */
  strikes(fault: SimulatedFault): boolean {
    const probability = this.#faults[fault] ?? 0;
    if (probability === 0 || this.#random.next() >= probability) return false;
    this.counts[fault]++;
    return true;
  }

  /** The latency of the next call, in milliseconds. */
  latencyMs(): number {
    const { latencyMsMin, latencyMsMax } = this.#times;
    const usualMs = latencyMsMin + this.#random.next() * (latencyMsMax - latencyMsMin);
    return this.strikes("slow") ? usualMs + this.below("slowMsMax") : usualMs;
  }

  /** A random duration below the given maximum, in milliseconds. */
  below(time: Exclude<keyof SimulatedTimes, "latencyMsMin">): number {
    return this.share() * this.#times[time];
  }

  /** A random number from 0 (inclusive) to 1 (exclusive). */
  share(): number {
    return this.#random.next();
  }
}
