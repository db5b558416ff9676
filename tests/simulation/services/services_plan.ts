import type { Random } from "@posthorn/posthorn";
import type {
  ProcessFaults,
  SimulatedBrokerFaults,
  SimulatedFaults,
} from "@posthorn/posthorn/testing/simulation";
import type { StoreLimits } from "../../../runtime/ports/store.ts";
import { type Service, services } from "./messages.ts";

/** The faults of one run of services, and its sizes. */
export interface ServicesPlan {
  readonly reads: "queue" | "log";
  readonly shards: number;
  /** Whether each service gets an event as a message of its own, as over HTTP. */
  readonly eachService: boolean;
  readonly processes: Readonly<Record<Service, number>>;
  /** The number of processes of the service without a store. */
  readonly workers: number;
  readonly process: ProcessFaults;
  readonly store: SimulatedFaults;
  readonly broker: SimulatedBrokerFaults;
  /** The limits of a commit, where they are small. */
  readonly limits: Partial<StoreLimits>;
  /** The capacity of mailboxes. Ten times as many messages of turns and of other services fit in. */
  readonly capacity: number;
  /** The number of actors that a process keeps in memory. */
  readonly actorsMax: number;
  /** The number of rows of a lane above which users are refused. */
  readonly outbox: number;
  /** How long a handler takes at most, in milliseconds. */
  readonly handlerMsMax: number;
  /** How long the id of a message is remembered, in milliseconds. */
  readonly windowMs: number;
  /** How many actions each service's users have, and how long it is between two, in the mean. */
  /** Whether a message that takes back a request may come before it. */
  readonly overtakes: boolean;
  readonly actions: number;
  readonly everyMs: number;
}

const dayMs = 86_400_000;

/** Draws a subset of the faults. */
export function servicesPlanOf(random: Random): ServicesPlan {
  const some = (most: number): number => random.next() < 0.5 ? 0 : random.next() * most;
  const reads = random.next() < 0.5 ? "queue" : "log";
  const shards = 1 + Math.floor(random.next() * 3);
  const counts = services.map((service) => [service, 1 + Math.floor(random.next() * 3)]);
  return {
    reads,
    shards,
    eachService: counts[0][1] === 3, // of what is drawn already: each seed stays the run that it was
    processes: Object.fromEntries(counts) as Record<Service, number>,
    workers: 1 + Math.floor(random.next() * 2),
    process: {
      crash: some(4),
      stop: some(2),
      pause: some(3),
      pauseMsMax: 12_000,
      clocksApartMs: random.next() < 0.6 ? 20_000 : 0,
      clockJump: some(2),
    },
    store: {
      conflict: some(0.1),
      locked: some(0.1),
      unknownLanded: some(0.1),
      unknownLost: some(0.1),
      unknownLandsLate: some(0.1),
      landedStale: some(0.1),
      unreadable: some(0.03),
      slow: some(0.02),
      watchLost: some(0.5),
      crashLands: some(1),
    },
    broker: {
      sendLost: some(0.15),
      sendLanded: some(0.15),
      sendPartly: some(0.15),
      sendLandsLate: some(0.15),
      sentTwice: some(0.1),
      slow: some(0.05),
      acknowledgementLost: some(0.3),
      readsEarlier: some(0.5),
      moveInBurst: some(0.1),
      move: some(6),
      unread: some(2),
      block: some(1),
      partition: some(2),
      cut: some(3),
      reset: some(3),
      recreate: some(6),
    },
    limits: random.next() < 0.3 ? { valueBytes: 8_000, writes: 60, checks: 20, bytes: 60_000 } : {},
    capacity: random.next() < 0.7 ? 100 : 1,
    actorsMax: random.next() < 0.8 ? 1_000 : 3,
    outbox: random.next() < 0.3 ? 50 : 10_000,
    handlerMsMax: random.next() < 0.5 ? 0 : random.next() * 60,
    windowMs: dayMs,
    overtakes: random.next() < 0.3,
    actions: 50,
    everyMs: 500,
  };
}
