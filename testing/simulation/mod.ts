/**
 * A simulation of several processes on one store, and of services over a broker, in virtual time, to test how a program
 * behaves if processes, stores and brokers fail.
 *
 * @module
 */

export type { ForeignMessage } from "./broker/arrivals.ts";
export { SimulatedBroker, type SimulatedBrokerClient, type SimulatedBrokerOptions } from "./broker/broker.ts";
export type { SimulatedBrokerFault, SimulatedBrokerFaults, SimulatedBrokerTimes } from "./broker/faults.ts";
export type { SimulatedFault, SimulatedFaults, SimulatedTimes } from "./faults.ts";
export type { ProcessFaults } from "./process.ts";
export {
  type SimulatedCommit,
  type SimulatedInstance,
  SimulatedStore,
  type SimulatedStoreOptions,
} from "./store.ts";
export { type Simulated, type SimulatedHost, Simulation, type SimulationOptions } from "./simulation.ts";
