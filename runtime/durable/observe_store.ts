import { type Clock, systemClock } from "../base/clock.ts";
import { type OptionNames, requireKnownOptions } from "../base/option_names.ts";
import type { Observation } from "../ports/observation.ts";
import type { Store } from "../ports/store.ts";

/** Options of {@linkcode observeStore}. */
export interface ObserveStoreOptions {
  /**
   * The source of time, by which replies have expired.
   *
   * @default {systemClock()}
   */
  readonly clock?: Clock;
}

const optionNames: OptionNames<ObserveStoreOptions> = { clock: true };

/** Questions to a store. Dispose of it (`await using`): it has a connection. */
export interface StoreObservation extends Observation, AsyncDisposable {}

/**
 * Asks a store without being part of a system: what {@linkcode Observation} can be asked of all instances that share it.
 * It opens a connection and only reads. It does not become an instance: no heartbeat, no lock, no actor runs.
 *
 * Rejects with a {@linkcode StoreError} if the store cannot be used, and with a {@linkcode PosthornError}
 * (`unknown-format`) if a program of another format has written to it.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { actor, protocol, System, tell } from "@posthorn/posthorn";
 * import { memoryStore } from "@posthorn/posthorn/memory";
 * import { observeStore } from "@posthorn/posthorn/store";
 * import * as z from "zod";
 *
 * const Order = protocol("order", { add: tell(z.number()) });
 * const order = actor(Order, { state: () => 0, on: { add: (ctx, cents) => { ctx.state += cents; } } });
 * const store = memoryStore();
 * {
 *   await using system = new System({ actors: [order], store });
 *   await system.ref(Order, "ada").tell(Order.add, 450);
 * }
 * await using observation = await observeStore(store);
 * const { items: [ada] } = await observation.actors({ protocol: "order" });
 * assert(ada.key === "ada");
 * ```
 *
 * @param store the store, which systems may use at the same time if it is for many processes
 * @param options the source of time
 * @returns the questions, with a connection of their own
 */
export async function observeStore(
  store: Store,
  options: ObserveStoreOptions = {},
): Promise<StoreObservation> {
  requireKnownOptions("observeStore", options, optionNames);
  const { clock = systemClock() } = options;
  const { openObservation } = await import("./open_observation.ts");
  return await openObservation(store, clock);
}
