import type { Random } from "../../../runtime/base/random.ts";
import { requireDelay } from "../../../runtime/base/require.ts";

/** The faults that a simulated broker injects. Absent ones never occur. */
export interface SimulatedBrokerFaults {
  /** The probability that a send rejects, and nothing of it arrives. */
  readonly sendLost?: number;
  /** The probability that a send rejects, and all of it arrives. */
  readonly sendLanded?: number;
  /** The probability that a send rejects, and a prefix of it arrives. */
  readonly sendPartly?: number;
  /** The probability that a send rejects, a prefix of it arrives, and the rest later. */
  readonly sendLandsLate?: number;
  /** The probability that a parcel arrives a second time later. */
  readonly sentTwice?: number;
  /** The probability that a send or a batch is slow. */
  readonly slow?: number;
  /** The probability that a batch stays unacknowledged although it was taken. */
  readonly acknowledgementLost?: number;
  /** The probability that a tenure begins with some deliveries that were acknowledged, or are known to its receiver. */
  readonly readsEarlier?: number;
  /** The probability that a shard moves to another tenure soon after a message has arrived there. */
  readonly moveInBurst?: number;
  /** The number of times per minute that each shard moves to another tenure. The old one is told late. */
  readonly move?: number;
  /** The number of times per minute that nobody reads a shard for a while. */
  readonly unread?: number;
  /** The number of times per minute that a queue takes nothing for a while. */
  readonly block?: number;
  /** The number of times per minute that the broker cannot reach a process for a while. */
  readonly partition?: number;
  /** The number of times per minute that the connection of a process is cut, which notices it at once. */
  readonly cut?: number;
  /** The number of times per minute that each shard of a log is read from its start again. */
  readonly reset?: number;
  /** The number of times per minute that each shard of a log that is read to its end is made anew. */
  readonly recreate?: number;
}

/** The durations of a simulated broker, in milliseconds. A `…MsMax` is the upper bound of a random duration. */
export interface SimulatedBrokerTimes {
  /** The minimum latency of a message, of a batch, and of an answer. @default {1} */
  readonly latencyMsMin?: number;
  /** The maximum latency of what is not slow. @default {10} */
  readonly latencyMsMax?: number;
  /** The maximum additional latency of what is slow. @default {3_000} */
  readonly slowMsMax?: number;
  /** The maximum delay of what arrives late, or a second time. @default {8_000} */
  readonly lateMsMax?: number;
  /** How long a tenure goes on at most after its shard has moved. @default {9_000} */
  readonly toldMsMax?: number;
  /** How long nobody reads a shard. @default {10_000} */
  readonly unreadMsMax?: number;
  /** How long a queue takes nothing. @default {20_000} */
  readonly blockMsMax?: number;
  /** How long a process cannot be reached. @default {15_000} */
  readonly partitionMsMax?: number;
  /** How long it takes until the broker notices that a process does not answer. @default {4_000} */
  readonly failoverMsMax?: number;
  /** The maximum delay of a move in a burst. @default {120} */
  readonly burstMsMax?: number;
}

/** The names of the faults. */
export type SimulatedBrokerFault = keyof SimulatedBrokerFaults;

const none: Readonly<Record<SimulatedBrokerFault, 0>> = {
  sendLost: 0,
  sendLanded: 0,
  sendPartly: 0,
  sendLandsLate: 0,
  sentTwice: 0,
  slow: 0,
  acknowledgementLost: 0,
  readsEarlier: 0,
  moveInBurst: 0,
  move: 0,
  unread: 0,
  block: 0,
  partition: 0,
  cut: 0,
  reset: 0,
  recreate: 0,
};

/** The faults that are given as a number per minute. */
const rates: ReadonlySet<string> = new Set([
  "move",
  "unread",
  "block",
  "partition",
  "cut",
  "reset",
  "recreate",
]);

const usualTimes: Required<SimulatedBrokerTimes> = {
  latencyMsMin: 1,
  latencyMsMax: 10,
  slowMsMax: 3_000,
  lateMsMax: 8_000,
  toldMsMax: 9_000,
  unreadMsMax: 10_000,
  blockMsMax: 20_000,
  partitionMsMax: 15_000,
  failoverMsMax: 4_000,
  burstMsMax: 120,
};

/** Decides at random which faults of a broker occur, and counts them. */
export class BrokerFate {
  /** The number of times each fault has occurred. */
  readonly counts: Record<SimulatedBrokerFault, number> = { ...none };
  readonly times: Required<SimulatedBrokerTimes>;
  readonly #random: Random;
  #faults: SimulatedBrokerFaults = none;

  constructor(random: Random, times: SimulatedBrokerTimes) {
    this.#random = random;
    this.times = { ...usualTimes, ...times };
    for (const [name, ms] of Object.entries(this.times)) requireDelay(`times.${name}`, ms);
  }

  /** The faults that may occur from now on. */
  get faults(): SimulatedBrokerFaults {
    return this.#faults;
  }

  set faults(faults: SimulatedBrokerFaults) {
    for (const [name, value] of Object.entries(faults)) {
      if (!(name in none)) throw new RangeError(`Cannot use faults.${name}: there is no such fault`);
      const max = rates.has(name) ? Infinity : 1;
      if (value === undefined || (value >= 0 && value <= max)) continue;
      throw new RangeError(
        `Cannot use faults.${name}: it must be from 0 to ${max}: current value is ${value}`,
      );
    }
    this.#faults = { ...faults };
  }

  /** Whether a fault occurs this time; one that is given as a rate is asked for every second. */
  strikes(fault: SimulatedBrokerFault): boolean {
    const given = this.#faults[fault] ?? 0;
    const probability = rates.has(fault) ? given / 60 : given;
    if (probability === 0 || this.#random.next() >= probability) return false;
    this.counts[fault]++;
    return true;
  }

  /** The latency of a message, in milliseconds. */
  latencyMs(): number {
    const { latencyMsMin, latencyMsMax } = this.times;
    const usualMs = latencyMsMin + this.share() * (latencyMsMax - latencyMsMin);
    return this.strikes("slow") ? usualMs + this.below("slowMsMax") : usualMs;
  }

  /** A random duration below the given maximum, in milliseconds. */
  below(time: Exclude<keyof SimulatedBrokerTimes, "latencyMsMin">): number {
    return this.share() * this.times[time];
  }

  /** A random whole number below `count`. */
  pick(count: number): number {
    return Math.floor(this.share() * count);
  }

  /** A random number from 0 (inclusive) to 1 (exclusive). */
  share(): number {
    return this.#random.next();
  }
}
