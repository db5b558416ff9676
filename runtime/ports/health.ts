import type { BrokenActor } from "./broken_actors.ts";

/** Whether a system takes messages, and why not. */
export interface Health {
  /** `running` takes messages, `stopping` lets run what can, `stopped` does nothing. */
  readonly status: "running" | "stopping" | "stopped";
  /** Why it stopped by itself; absent where it was asked to. */
  readonly reason?: string;
  /** How its store is; absent where it has none. */
  readonly store?: StoreHealth;
  /**
   * Actors whose state could not be made, migrated or read when a message was tried last: the latest 20 that this process
   * met. Absent where there is none. An ingress does not tell it.
   */
  readonly broken?: readonly BrokenActor[];
}

/**
 * How the store of a system is. `durable`: it has shown that it keeps what is written, for something of an earlier process
 * was in it. `unverified`: nothing was, as at the first start, or in a volatile store that does not say so. `volatile`:
 * it is in memory. `opening`: it does not answer yet. `unavailable`: it cannot be opened, which is tried again and
 * again, or did not take the last commit; one is tried at each heartbeat.
 */
export interface StoreHealth {
  /** What the store is called. */
  readonly name: string;
  /** What it has shown. */
  readonly status: "durable" | "unverified" | "volatile" | "opening" | "unavailable";
  /** Why. */
  readonly reason?: string;
}

/** How a system ended. */
export interface StopReport {
  /** Whether nothing was left when the time was up. What waits to be tried again is not waited for. */
  readonly drained: boolean;
  /** How many messages were left: those became dead letters with the reason `stopping`. */
  readonly left: number;
  /**
   * About how many messages wait in the store for actors that were in memory: whoever comes next handles them. Absent
   * where there is no store.
   */
  readonly kept?: number;
}
