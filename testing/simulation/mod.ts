/**
 * A simulation of several processes on one store in virtual time, to test how a program behaves if processes
 * and stores fail.
 *
 * @module
 */

export type { SimulatedFault, SimulatedFaults, SimulatedTimes } from "./faults.ts";
export type { ProcessFaults } from "./process.ts";
export {
  type SimulatedCommit,
  type SimulatedInstance,
  SimulatedStore,
  type SimulatedStoreOptions,
} from "./store.ts";
export { type Simulated, type SimulatedHost, Simulation, type SimulationOptions } from "./simulation.ts";
