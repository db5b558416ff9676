/**
 * The test cases that every store and every transport must pass, for authors of adapters.
 *
 * @module
 */

import { type Clock, systemClock } from "../../runtime/base/clock.ts";
import type { Store, StoreConnection } from "../../runtime/ports/store.ts";
export {
  type TransportCase,
  transportConformance,
  type TransportConformanceOptions,
} from "./transport/conformance.ts";
export type { TransportProcess } from "./transport/bench.ts";
export type { TransportFaults } from "./transport/faults.ts";
import { cases } from "./cases.ts";
import { limitCases } from "./limit_cases.ts";
import { listCases } from "./list_cases.ts";
import { modelCases } from "./model_cases.ts";
import { presenceCases } from "./presence_cases.ts";
import { wakeCases } from "./wake_cases.ts";

/** Options of {@linkcode storeConformance}. */
export interface StoreConformanceOptions {
  /** Creates an empty store for one case. Clean-up is up to its `dispose`. */
  readonly open: () => StoreUnderTest | Promise<StoreUnderTest>;
  /** The cases to skip, by name, with the reason. */
  readonly skip?: Readonly<Record<string, string>>;
  /**
   * The clock with which connections are opened.
   *
   * @default {systemClock()}
   */
  readonly clock?: Clock;
  /** Advances the time of the clock; by default a real timer of the clock is awaited. */
  readonly advance?: (byMs: number) => Promise<void>;
}

/** An empty store, with its clean-up. */
export interface StoreUnderTest {
  /** The store. */
  readonly store: Store;
  /**
   * When the platform will start the process, as the store has asked with `wakeAt`, in milliseconds since 1970; `null` if
   * it will not. Only for stores that can do that: without it, `wakeAt` is not checked.
   */
  alarmMs?(): number | null | PromiseLike<number | null>;
  /** Cleans up. All connections are closed before. */
  dispose?(): void | PromiseLike<void>;
}

/** One guarantee of a store, as a test case. */
export interface StoreCase {
  /** The guarantee, as a sentence. */
  readonly name: string;
  /** The reason why it is skipped; absent if it is not. */
  readonly skipped: string | undefined;
  /** Runs the case. Rejects if the store violates the guarantee. */
  run(): Promise<void>;
}

/**
 * Creates the test cases that check whether an adapter satisfies the contract of `Store`, for any test
 * runner. Each case uses its own store.
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
 * @param options how to create a store, and the cases to skip
 * @returns the cases, which can run in any order
 */
export function storeConformance(options: StoreConformanceOptions): StoreCase[] {
  const { open, skip = {}, clock = systemClock() } = options;
  const advance = options.advance ??
    ((byMs) => new Promise<void>((resolve) => void clock.setTimer(byMs, resolve)));
  const all = { ...cases, ...listCases, ...limitCases, ...modelCases, ...presenceCases, ...wakeCases };
  for (const name of Object.keys(skip)) {
    if (!(name in all)) throw new TypeError(`Cannot skip ${JSON.stringify(name)}: there is no such case`);
  }
  return Object.entries(all).map(([name, prove]) => ({
    name,
    skipped: skip[name],
    async run() {
      const subject = await open();
      const { store } = subject;
      const connections: StoreConnection[] = [];
      try {
        const connect = async () => {
          const connection = await store.open({ clock });
          connections.push(connection);
          return connection;
        };
        const alarmMs = subject.alarmMs && (async () => await subject.alarmMs!());
        await prove({ store, connection: await connect(), connect, clock, advance, alarmMs });
      } finally {
        for (const connection of connections) await connection.close();
        await subject.dispose?.();
      }
    },
  }));
}
