import { type OptionNames, requireKnownOptions } from "../../../runtime/base/option_names.ts";
import type { Transport } from "../../../runtime/ports/transport.ts";
import { transportEngine } from "../../../runtime/remote/engine.ts";
import type { MemoryBroker } from "./memory_broker.ts";

/** Options of {@linkcode memoryTransport}. */
export interface MemoryTransportOptions {
  /** The broker, which all services that speak to each other are given. */
  readonly broker: MemoryBroker;
  /**
   * What other services may send to, ask and hear: protocols and operations.
   *
   * @default {[]}
   */
  readonly expose?: Transport["expose"];
}

const optionNames: OptionNames<MemoryTransportOptions> = {
  broker: true,
  expose: true,
};

/**
 * Connects a system with other systems of this process over a broker in memory.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { protocol, tell, unchecked } from "@posthorn/posthorn";
 * import { memoryBroker, memoryTransport } from "@posthorn/posthorn/memory";
 *
 * const Order = protocol("order", { add: tell(unchecked<number>()) });
 * const transport = memoryTransport({ broker: memoryBroker(), expose: [Order.add] });
 * assert(transport.traits.name === "memory");
 * ```
 *
 * @param options the broker, and what is exposed
 * @returns a description of the connection, for one system
 */
export function memoryTransport(options: MemoryTransportOptions): Transport {
  requireKnownOptions("memoryTransport", options, optionNames);
  const { broker, expose = [] } = options;
  if (typeof broker?.open !== "function") {
    throw new TypeError("Cannot use broker of memoryTransport: it must be what memoryBroker() returned");
  }
  return {
    engine: transportEngine,
    traits: broker.traits,
    expose,
    open: (services) => broker.open(services),
  };
}
