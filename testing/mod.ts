/**
 * Tools for tests of actors: a virtual clock, seeded randomness, a probe actor that records its messages,
 * single turns without a system, and a simulation of several processes on one store.
 *
 * @example
 * ```ts
 * import { System } from "@posthorn/posthorn";
 * import { seededRandom, VirtualClock } from "@posthorn/posthorn/testing";
 *
 * await using system = new System({ actors: [], clock: new VirtualClock(), random: seededRandom(1) });
 * ```
 *
 * @module
 */

export { type Probe, probe, type ProbedMessage } from "./probe.ts";
export { requireStorable } from "../runtime/base/storable.ts";
export { seededRandom } from "./seeded_random.ts";
export type { SimulatedFault, SimulatedFaults, SimulatedTimes } from "./simulation/faults.ts";
export type { ProcessFaults } from "./simulation/process.ts";
export {
  type SimulatedCommit,
  type SimulatedInstance,
  SimulatedStore,
  type SimulatedStoreOptions,
} from "./simulation/store.ts";
export {
  type Simulated,
  type SimulatedHost,
  Simulation,
  type SimulationOptions,
} from "./simulation/simulation.ts";
export {
  type StoreCase,
  storeConformance,
  type StoreConformanceOptions,
  type StoreUnderTest,
} from "./conformance/conformance.ts";
export { type SentMessage, turn, type TurnOptions, type TurnResult } from "./turn.ts";
export { VirtualClock, type VirtualClockOptions } from "./virtual_clock.ts";
