/**
 * A store and a broker in memory: for tests, and to try out durable actors and services.
 *
 * @module
 */

export { memoryStore } from "./stores/memory/memory.ts";
export {
  type MemoryBroker,
  memoryBroker,
  type MemoryBrokerOptions,
  type MemoryDeadLetter,
  type StrangerMessage,
} from "./transports/memory/memory_broker.ts";
export { memoryTransport, type MemoryTransportOptions } from "./transports/memory/memory_transport.ts";
