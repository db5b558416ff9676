import type { StoreEngine } from "../ports/store.ts";
import { Persistence, type PersistenceParts } from "./persistence.ts";

/**
 * The durable engine: the value of `engine` for every store. A program without a store loads none of it.
 *
 * @example
 * ```ts
 * import { System } from "@posthorn/posthorn";
 * import { type Store, storeEngine } from "@posthorn/posthorn/store";
 * import { memoryStore } from "@posthorn/posthorn/memory";
 *
 * // A store of your own. This one passes every call on to another store.
 * function myStore(): Store {
 *   const inner = memoryStore();
 *   return {
 *     engine: storeEngine,
 *     traits: { ...inner.traits, name: "mine" },
 *     open: (services) => inner.open(services),
 *   };
 * }
 *
 * await using system = new System({ actors: [], store: myStore() });
 * await system.ready();
 * ```
 */
export const storeEngine: StoreEngine = {
  "~begin": (parts: PersistenceParts): Persistence => new Persistence(parts),
};
