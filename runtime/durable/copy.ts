import { type Clock, systemClock } from "../base/clock.ts";
import { type OptionNames, requireKnownOptions } from "../base/option_names.ts";
import { type Random, systemRandom } from "../base/random.ts";
import type { Store } from "../ports/store.ts";
import type { CopyProgress } from "./copy_store.ts";

/** Options of {@linkcode copyStore}. */
export interface CopyOptions {
  /** Called while it copies, after each group of rows. */
  readonly onProgress?: (progress: CopyProgress) => void;
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

const optionNames: OptionNames<CopyOptions> = { clock: true, onProgress: true, random: true };

/** What a copy has done. */
export interface CopyReport {
  /** How many rows the target has. They were compared with those of the source. */
  readonly rows: number;
}

/**
 * Copies a store into an empty one, while no system uses either: then a system that is started on the copy goes on exactly
 * where the last one on the source stopped. The memory that it takes is bounded, however large the store is. At the end it
 * compares both stores row by row.
 *
 * It copies all or nothing: until it is done, no system opens the target (`unknown-format`). If it is interrupted, copy
 * again: what it had written is removed first.
 *
 * Rejects with a `PosthornError`: `copy-refused` if an instance runs on the source, if nothing was ever written to the
 * source, if the target is not empty, or if the stores differ at the end; `unknown-format` if a program of another format
 * wrote to the source; `too-large` if the target cannot keep a row; and with a `StoreError` if a store cannot be used.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { System } from "@posthorn/posthorn";
 * import { copyStore } from "@posthorn/posthorn/copy";
 * import { memoryStore } from "@posthorn/posthorn/memory";
 *
 * const [from, to] = [memoryStore(), memoryStore()]; // sqlite("./posthorn.db"), postgres("postgres://…")
 * const system = new System({ actors: [], store: from });
 * await system.ready();
 * await system.stop();
 *
 * const { rows } = await copyStore(from, to);
 * assert(rows > 0);
 * ```
 *
 * @param from the store to copy, which stays as it is
 * @param to an empty store
 * @param options what to call meanwhile
 * @returns what it has done
 */
export async function copyStore(from: Store, to: Store, options: CopyOptions = {}): Promise<CopyReport> {
  requireKnownOptions("copyStore", options, optionNames);
  const { clock = systemClock(), random = systemRandom(), onProgress = () => {} } = options;
  const { copyAll } = await import("./copy_store.ts");
  return { rows: await copyAll({ from, to, clock, random, onProgress }) };
}
