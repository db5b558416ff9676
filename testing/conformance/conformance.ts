/**
 * The cases that every store must pass: for who writes an adapter.
 *
 * @module
 */

import { type Clock, systemClock } from "../../runtime/base/clock.ts";
import type { Store, StoreConnection } from "../../runtime/ports/store.ts";
import { cases } from "./cases.ts";
import { limitCases } from "./limit_cases.ts";
import { listCases } from "./list_cases.ts";
import { modelCases } from "./model_cases.ts";
import { presenceCases } from "./presence_cases.ts";

/** What {@linkcode storeConformance} needs to know of an adapter. */
export interface StoreConformanceOptions {
  /** Makes an empty store for one case; what is to be cleared away afterwards, its `dispose` does. */
  readonly open: () => StoreUnderTest | Promise<StoreUnderTest>;
  /** The cases that are left out, by name, and why. */
  readonly skip?: Readonly<Record<string, string>>;
  /**
   * What connections are opened with.
   *
   * @default {systemClock()}
   */
  readonly clock?: Clock;
  /** Lets time go on; without it, it is waited for a timer of the clock. */
  readonly advance?: (byMs: number) => Promise<void>;
}

/** An empty store, and how it is cleared away. */
export interface StoreUnderTest {
  /** The store. */
  readonly store: Store;
  /** Clears it away; all connections are closed by then. */
  dispose?(): void | PromiseLike<void>;
}

/** One sentence of what a store promises. */
export interface StoreCase {
  /** The sentence. */
  readonly name: string;
  /** Why it is left out; absent where it is not. */
  readonly skipped: string | undefined;
  /** Rejects where the store does not keep it. */
  run(): Promise<void>;
}

/**
 * Makes the cases that say whether an adapter keeps what `Store` promises, for any runner to run. Each has a store of
 * its own.
 *
 * @example
 * ```ts
 * import { memoryStore } from "@posthorn/posthorn/memory";
 * import { storeConformance } from "@posthorn/posthorn/testing/conformance";
 *
 * for (const { name, skipped, run } of storeConformance({ open: () => ({ store: memoryStore() }) })) {
 *   Deno.test({ name, ignore: skipped !== undefined, fn: run });
 * }
 * ```
 *
 * @param options how a store is made, and what it cannot do
 * @returns the cases, in no order that matters
 */
export function storeConformance(options: StoreConformanceOptions): StoreCase[] {
  const { open, skip = {}, clock = systemClock() } = options;
  const advance = options.advance ??
    ((byMs) => new Promise<void>((resolve) => void clock.setTimer(byMs, resolve)));
  const all = { ...cases, ...listCases, ...limitCases, ...modelCases, ...presenceCases };
  for (const name of Object.keys(skip)) {
    if (!(name in all)) throw new TypeError(`Cannot skip ${JSON.stringify(name)}: there is no such case`);
  }
  return Object.entries(all).map(([name, prove]) => ({
    name,
    skipped: skip[name],
    async run() {
      const { store, dispose } = await open();
      const connections: StoreConnection[] = [];
      try {
        const connect = async () => {
          const connection = await store.open({ clock });
          connections.push(connection);
          return connection;
        };
        await prove({ store, connection: await connect(), connect, clock, advance });
      } finally {
        for (const connection of connections) await connection.close();
        await dispose?.();
      }
    },
  }));
}
