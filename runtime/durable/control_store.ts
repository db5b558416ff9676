import { type Clock, systemClock } from "../base/clock.ts";
import { type OptionNames, requireKnownOptions } from "../base/option_names.ts";
import { type Random, systemRandom } from "../base/random.ts";
import type { StoreControl } from "../ports/control.ts";
import type { Store } from "../ports/store.ts";

/** Options of {@linkcode controlStore}. */
export interface ControlStoreOptions {
  /**
   * The source of time.
   *
   * @default {systemClock()}
   */
  readonly clock?: Clock;
  /**
   * The source of randomness.
   *
   * @default {systemRandom()}
   */
  readonly random?: Random;
}

const optionNames: OptionNames<ControlStoreOptions> = { clock: true, random: true };

/** What an operator does through a store, until it is disposed of: that closes the connection. */
export interface OpenedControl extends StoreControl, AsyncDisposable {}

/**
 * What an operator does to the systems on a store without being one of them: it hosts nothing, has no heartbeat, and runs no
 * turn. So a stuck system can be mended from outside. Instances that live notice within a heartbeat; what waits for an actor
 * that none hosts waits on.
 *
 * A dead letter that goes to another service is not resent here (`no-transport`), and a request that is in the memory of a
 * process, or in another service, is not taken back: `cancelRequest` then rejects with a {@linkcode ReplyPendingError}.
 * Replies that it settles are kept for the default of `replyRetentionMs`.
 *
 * Rejects with a {@linkcode PosthornError} (`unknown-format`) if no system has written to the store, or one of another
 * format, and with a {@linkcode StoreError} if the store cannot be used.
 *
 * @example
 * ```ts
 * import { System } from "@posthorn/posthorn";
 * import { controlStore } from "@posthorn/posthorn/store";
 * import { memoryStore } from "@posthorn/posthorn/memory";
 * import assert from "node:assert/strict";
 *
 * const store = memoryStore(); // sqlite({ path: "./posthorn.db" }), postgres("postgres://…")
 * await using system = new System({ actors: [], store });
 * await system.ready();
 *
 * await using control = await controlStore(store);
 * await control.pause("order");
 * assert.deepEqual(await control.resendAll({ reason: "failed" }), { done: 0, failed: 0, more: false });
 * ```
 *
 * @param store the store of the systems
 * @param options where time and randomness come from
 * @returns what can be done
 */
export async function controlStore(store: Store, options: ControlStoreOptions = {}): Promise<OpenedControl> {
  requireKnownOptions("controlStore", options, optionNames);
  const { clock = systemClock(), random = systemRandom() } = options;
  const { openControl } = await import("./open_control.ts");
  return await openControl(store, clock, random);
}
