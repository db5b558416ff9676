import type { TransportEngine } from "../ports/transport.ts";
import { Remote, type RemoteParts } from "./remote.ts";

/**
 * The part of the runtime that speaks to other services: the value of `engine` for every transport. A program without a
 * transport loads none of it.
 *
 * @example
 * ```ts
 * import { type Transport, transportEngine } from "@posthorn/posthorn/transport";
 * import { memoryBroker, memoryTransport } from "@posthorn/posthorn/memory";
 *
 * // A transport of your own. This one passes every call on to another transport.
 * function myTransport(): Transport {
 *   const inner = memoryTransport({ broker: memoryBroker() });
 *   return {
 *     engine: transportEngine,
 *     traits: { ...inner.traits, name: "mine" },
 *     expose: inner.expose,
 *     open: (services) => inner.open(services),
 *   };
 * }
 * console.log(myTransport().traits.name);
 * ```
 */
export const transportEngine: TransportEngine = {
  "~begin": (parts: RemoteParts): Remote => new Remote(parts),
};
