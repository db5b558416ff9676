import type { BrokenActor } from "./broken_actors.ts";
import type { UnhostedStats } from "./stats.ts";

/** The health of a system: whether it accepts messages, and the reason if it does not. */
export interface Health {
  /** `running` accepts messages, `stopping` finishes what can still run, `stopped` does nothing. */
  readonly status: "running" | "stopping" | "stopped";
  /** The reason why the system stopped by itself; absent if the program stopped it. */
  readonly reason?: string;
  /** The health of the store; absent if the system has none. */
  readonly store?: StoreHealth;
  /**
   * The messages in the store for protocols that no living instance hosts, by protocol, as in
   * {@linkcode Stats.unhosted}. Absent if there is none.
   */
  readonly unhosted?: Readonly<Record<string, UnhostedStats>>;
  /** The health of the transport; absent if the system has none. */
  readonly transport?: TransportHealth;
  /**
   * Actors whose state could not be created, migrated or read at the last attempt: the latest 20 of this
   * process. Absent if there is none. An ingress does not expose it.
   */
  readonly broken?: readonly BrokenActor[];
}

/**
 * The health of a store. `durable`: the store has proved that it keeps data, because it contains data of an
 * earlier process. `unverified`: it contained none, as at the first start, or in a volatile store that does
 * not declare itself volatile. `volatile`: it keeps its data in memory. `opening`: it has not answered yet.
 * `unavailable`: it cannot be opened, which is retried, or it rejected the last commit; a commit is tried at
 * each heartbeat.
 */
export interface StoreHealth {
  /** The name of the store. */
  readonly name: string;
  /** The status, as above. */
  readonly status: "durable" | "unverified" | "volatile" | "opening" | "unavailable";
  /** The reason for the status. */
  readonly reason?: string;
}

/** The health of the transport to other services. */
export interface TransportHealth {
  /** The name of the transport. */
  readonly name: string;
  /**
   * `connected`; `connecting` while the broker is away, or was not reached yet; `blocked` while it takes nothing;
   * `refused` if it does not let this program in.
   */
  readonly status: "connected" | "connecting" | "blocked" | "refused";
  /** The reason for the status. */
  readonly reason?: string;
  /** How many messages wait to be sent, as far as this process knows. */
  readonly waiting?: number;
  /** How long the oldest of those in the store has waited, in milliseconds. */
  readonly oldestMs?: number;
  /** How many shards of the broker this process reads. */
  readonly tenures?: number;
}

/** The result of stopping a system. */
export interface StopReport {
  /**
   * Whether no message was left when the drain time was over. Messages that wait for a retry are not waited
   * for.
   */
  readonly drained: boolean;
  /** The number of messages that were left. They became dead letters with the reason `stopping`. */
  readonly left: number;
  /**
   * The approximate number of messages that wait in the store for actors that were in memory. The next
   * instance handles them. Absent without a store.
   */
  readonly kept?: number;
}

/** Options of {@linkcode System.stop}. */
export interface StopOptions {
  /**
   * How long to wait for what can still run, in milliseconds of at least 0.
   *
   * @default the system's `drainMs`
   */
  readonly drainMs?: number;
}
