import type { Random } from "@posthorn/posthorn";
import type { ProcessFaults, SimulatedFaults, SimulatedTimes } from "@posthorn/posthorn/testing/simulation";
import type { StoreLimits, StoreTraits } from "../../runtime/ports/store.ts";
import { type Deploy, deployOf } from "./rolling_deploy.ts";
import { type Scene, withScenes } from "./scenes.ts";

/** The faults of one run, and its sizes. */
export interface FaultPlan {
  readonly processes: number;
  readonly process: ProcessFaults;
  readonly store: SimulatedFaults;
  readonly traits: Partial<Omit<StoreTraits, "limits">>;
  readonly limits: Partial<StoreLimits>;
  /** The limits that its server actually enforces, if they are lower. */
  readonly strict: Partial<StoreLimits>;
  readonly times: SimulatedTimes;
  readonly capacity: number;
  readonly actorsMax: number;
  readonly poison: boolean;
  /** The capacity of mailboxes with `drop-oldest` or `drop-newest`; 0 if there are none. */
  readonly brim: number;
  /** The deploy of another revision of the program, if there is one. */
  readonly deploy: Deploy | undefined;
  /** Whether there are transient actors too. */
  readonly beside: boolean;
  /** Whether functions subscribe to the news, besides actors. */
  readonly listening: boolean;
  /** The additional scenes. */
  readonly scenes: readonly Scene[];
  /** With a store for one process: the traits it would have if it were shared. */
  readonly shared: Pick<FaultPlan, "processes" | "traits" | "store"> | undefined;
}

/** The part of a fault plan that applies to all runs. */
export function plain({ shared, ...faultPlan }: FaultPlan): FaultPlan {
  const { traits } = shared ?? faultPlan;
  return {
    ...faultPlan,
    ...shared,
    traits: { ...traits, fullCommitsAtOnce: traits.commitsAtOnce },
    brim: 0,
    deploy: undefined,
    beside: false,
    listening: false,
    scenes: [],
    strict: {},
    shared: undefined,
  };
}

/** The store is for one process, and no other process runs. */
export function alone(faultPlan: FaultPlan): FaultPlan {
  const { processes, traits, store, shared } = faultPlan;
  if (shared !== undefined) return faultPlan;
  return {
    ...faultPlan,
    processes: 1,
    traits: { ...traits, processes: "one", unknownOutcomes: false },
    // A process that has ended does not write to its file any more.
    store: {
      ...store,
      unknownLanded: 0,
      unknownLost: 0,
      unknownLandsLate: 0,
      landedStale: 0,
      crashLands: store.slow === 0 ? store.crashLands ?? 0 : 0,
    },
    shared: { processes, traits, store },
  };
}

/** Draws a subset of the faults. */
export function faultPlanOf(random: Random): FaultPlan {
  const drawn = usual(random);
  const brim = random.next() < 0.35 ? 1 + Math.floor(random.next() * 5) : 0;
  const deploy = random.next() < 0.35 ? deployOf(random, drawn.processes) : undefined;
  const isAlone = random.next() < 0.15;
  const beside = random.next() < 0.35;
  const listening = random.next() < 0.35;
  const traits = random.next() < 0.5 ? { ...drawn.traits, fullCommitsAtOnce: 4 } : drawn.traits;
  const landedStale = random.next() < 0.5 ? 0 : random.next() * 0.15;
  const store = { ...drawn.store, landedStale };
  const faultPlan = { ...drawn, store, traits, brim, deploy, beside, listening };
  return withScenes(isAlone ? alone(faultPlan) : faultPlan, random);
}

function usual(random: Random): FaultPlan {
  const some = (most: number): number => random.next() < 0.5 ? 0 : random.next() * most;
  const process = {
    crash: some(6),
    stop: some(3),
    pause: some(4),
    pauseMsMax: 15_000,
    clocksApartMs: random.next() < 0.6 ? 20_000 : 0,
    clockJump: some(2),
  };
  const store = {
    conflict: some(0.2),
    locked: some(0.2),
    full: some(0.01),
    unknownLanded: some(0.15),
    unknownLost: some(0.15),
    unknownLandsLate: some(0.15),
    unreadable: some(0.05),
    slow: some(0.05),
    readApart: some(0.5),
    listBatch: some(0.8),
    watchLost: random.next() < 0.2 ? 1 : some(0.5),
    watchCoalesced: some(0.5),
    lazyExpiry: some(1),
    crashLands: some(1),
  };
  const small = random.next() < 0.5;
  const processes = 2 + Math.floor(random.next() * 3);
  const commitsAtOnce = random.next() < 0.7 ? 4 : 1;
  return {
    processes,
    process,
    store,
    traits: {
      commitsAtOnce,
      fullCommitsAtOnce: commitsAtOnce,
      partsAtOnce: random.next() < 0.7 ? 25 : 2,
      processes: "many",
    },
    limits: small ? { valueBytes: 1_500, writes: 60, checks: 20, bytes: 60_000 } : {},
    capacity: random.next() < 0.8 ? 1_000 : 8,
    actorsMax: random.next() < 0.8 ? 1_000 : 5,
    poison: random.next() < 0.15,
    brim: 0,
    deploy: undefined,
    beside: false,
    listening: false,
    scenes: [],
    strict: {},
    times: {},
    shared: undefined,
  };
}
