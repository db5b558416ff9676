import type { Clock } from "../base/clock.ts";

/** A key with its value and version, as read from a store. */
export interface Entry {
  /** The key. */
  readonly key: string;
  /** The value that was written last. */
  readonly value: Uint8Array;
  /**
   * Identifies the write: two writes of one key never have the same version. Versions can only be compared
   * for equality.
   */
  readonly version: string;
}

/**
 * A condition under which a part is applied: the key has this version, or no value if the version is
 * `undefined`.
 */
export interface Check {
  /** The key. */
  readonly key: string;
  /** The version it must have. */
  readonly version: string | undefined;
}

/** A value to write, unconditionally. */
export interface Put {
  /** The key. */
  readonly key: string;
  /** The value. The store reads it only until the commit ends; its buffer may contain other values. */
  readonly value: Uint8Array;
  /**
   * The size in bytes of the value that it replaces, if known, so that the store deletes the pieces of a
   * split value with less work. A hint, which may be absent or wrong.
   */
  readonly oldBytes?: number | undefined;
  /**
   * The time from which the store may delete the value, in milliseconds since 1970; absent for never. The
   * value may remain readable much longer.
   */
  readonly expiresAtMs?: number | undefined;
}

/** A value to remove, unconditionally. */
export interface Delete {
  /** The key. */
  readonly key: string;
  /** The size of the value in bytes, if known. A hint, as for a {@linkcode Put}. */
  readonly oldBytes?: number | undefined;
}

/**
 * A set of changes that is applied atomically. A key is never in both `writes` and `removals`, because their
 * order would be undefined.
 */
export interface AtomicPart {
  /** The conditions. */
  readonly checks: readonly Check[];
  /** The values to write. */
  readonly writes: readonly Put[];
  /** The values to remove. */
  readonly removals: readonly Delete[];
  /** Whether to notify other processes at once. */
  readonly rings?: boolean;
}

/** A range of entries to list: those whose key begins with `prefix`, in key order. */
export interface KeyRange {
  /** The prefix of the keys. */
  readonly prefix: string;
  /** Only entries after this key, which need not exist. */
  readonly after?: string;
  /** The maximum number of entries, from 1 to 1,000. */
  readonly limit: number;
  /** Whether to list in descending order; `after` then means the entries before that key. */
  readonly reverse?: boolean;
}

/** The limits of one commit. A commit that exceeds them is refused before anything is written. */
export interface StoreLimits {
  /** The maximum size of a key, in bytes of UTF-8. */
  readonly keyBytes: number;
  /**
   * The maximum size in bytes of a value that is stored in one cell; a larger value is split over several
   * cells, each of which counts as a write.
   */
  readonly valueBytes: number;
  /** The maximum number of checks. */
  readonly checks: number;
  /** The maximum number of writes and removals together. */
  readonly writes: number;
  /** The maximum number of bytes of keys and values together. */
  readonly bytes: number;
  /** The maximum number of bytes of keys. */
  readonly keysBytes: number;
}

/** The properties of a store, as data. */
export interface StoreTraits {
  /** The name of the store. */
  readonly name: string;
  /** What a commit survives: `nothing`, a crash of the process, or also a loss of power. */
  readonly durability: "nothing" | "process" | "power";
  /** Whether one process or several can use the store at the same time. */
  readonly processes: "one" | "many";
  /**
   * Whether the outcome of a commit can be unknown: it may fail although it was applied or will be applied
   * later, or be applied, retried by a layer below, and then reported as a conflict. If so, the runtime
   * verifies each reported conflict by a read. If not, calls may take longer before they time out.
   */
  readonly unknownOutcomes: boolean;
  /** The number of concurrent commits up to which throughput increases. */
  readonly commitsAtOnce: number;
  /**
   * The same for full commits, at least as large: larger if the store can prepare one commit while it writes
   * another, so that only full commits are worth starting early.
   */
  readonly fullCommitsAtOnce: number;
  /** The number of parts in one commit up to which throughput increases. */
  readonly partsAtOnce: number;
  /**
   * The interval of an instance's heartbeats, in milliseconds. An instance is considered dead after three
   * missed heartbeats. With a store for one process whose outcomes are always known, there are none while nothing waits.
   */
  readonly heartbeatMs: number;
  /** The limits of one commit. */
  readonly limits: StoreLimits;
}

/** The services that a system provides to a connection. */
export interface StoreServices {
  /** The clock of the system. */
  readonly clock: Clock;
}

/**
 * The durable engine, as a store carries it. Only the entries of stores import it, so a program without a store does not
 * have it in its module graph. It has no members for a program: an adapter takes its value, `storeEngine`, from
 * `@posthorn/posthorn/store`.
 */
export interface StoreEngine {
  /** Begins the durable actors of a system. For the runtime alone. */
  readonly "~begin": (parts: never) => object;
}

/**
 * The storage port: ordered keys, values of bytes, and atomic commits, each on condition that the versions
 * read have not changed. The durable protocol uses only these four calls, so an adapter is small and contains
 * no part of the protocol.
 *
 * A store is a description; each system opens its own connection, and closes it when the system stops.
 * `storeConformance` of `@posthorn/posthorn/testing/conformance` checks whether an adapter satisfies this
 * contract.
 *
 * @example
 * ```ts
 * import { type Store, System } from "@posthorn/posthorn";
 * import { memoryStore } from "@posthorn/posthorn/memory";
 *
 * const store: Store = memoryStore();
 * await using system = new System({ actors: [], store });
 * ```
 */
export interface Store {
  /** The properties of the store. */
  readonly traits: StoreTraits;
  /**
   * The durable engine, always `storeEngine` of `@posthorn/posthorn/store`. A store that wraps another one hands on that
   * of the other.
   */
  readonly engine: StoreEngine;
  /** Opens a connection. Rejects with a {@linkcode StoreError} if the store cannot be used. */
  open(services: StoreServices): Promise<StoreConnection>;
}

/**
 * An open connection to a store. Reads are strongly consistent: they see every commit that ended before the
 * call.
 */
export interface StoreConnection {
  /**
   * Reads the entries of these keys, in their order. Each is read on its own: two entries may be from
   * different points in time.
   */
  read(keys: readonly string[]): Promise<(Entry | undefined)[]>;
  /** Lists the entries of a range, as a consistent snapshot. */
  list(range: KeyRange): Promise<Entry[]>;
  /**
   * Applies each part atomically, and all parts that are applied in one atomic step: no reader sees only some
   * of them. Resolves with one version for each part, which all its writes then have, or with `undefined` if
   * a check of the part failed. The caller ensures that the parts together keep the limits, and that no part
   * checks a key that another part writes or removes. If a part writes and removes the same key, nothing is
   * applied, and the call rejects with a `TypeError`.
   *
   * Rejects with a {@linkcode StoreError} if nothing was applied and nothing will be; with an
   * {@linkcode OutcomeUnknownError} if everything may have been applied, or may be later; with any other
   * error if the store refuses these parts and applied nothing. The caller then commits them separately, so
   * that only the refused part fails.
   */
  commit(parts: readonly AtomicPart[]): Promise<(string | undefined)[]>;
  /**
   * Calls `onChange` soon after another connection has committed a part with `rings`. A call may be spurious,
   * and one call may stand for several commits. `posted` is true if instead a transaction of a user may have committed
   * messages, if the store has those.
   */
  watch(onChange: (posted?: boolean) => void): Disposable;
  /** Closes the connection after the calls in progress have ended. */
  close(): Promise<void>;
  /** Detects at once that a process has ended; absent if only missed heartbeats can tell. */
  readonly presence?: StorePresence | undefined;
  /**
   * Asks the platform to start this process at that time (milliseconds since 1970), unless it runs, and to call
   * `system.sweep()` there, again if that does not resolve: for the next schedule, retry or message that waits.
   * `undefined`: nothing waits, so it need not.
   * Each call replaces the one before, and is in effect at the latest with the next commit of this connection. It never
   * throws. A time that is too early only costs a look, so an earlier one may be kept: after each look the system tells
   * again when it must run.
   *
   * Absent if the platform cannot do that. If it is present, the platform may stop the process whenever it has no timer:
   * the system sets none for what is not due soon.
   */
  wakeAt?(atMs: number | undefined): void;
}

/**
 * Detects soon that the process of an instance has ended, for any reason, by a resource that it loses with its
 * end, such as the lock of a file or of a session of a database. Without it an instance is considered dead after
 * three missed heartbeats, and so is each one that is not found gone.
 *
 * A false positive causes duplicate work, never the loss of a message, and counts attempts of messages that did not
 * fail. So if the state of an instance is uncertain (another machine, a network file system, no permission, a
 * server that has restarted), it is not gone.
 */
export interface StorePresence {
  /**
   * Registers an instance of this process, until it is released, the connection is closed, or the process
   * ends. Resolves with whether others can find it {@linkcode gone}; never rejects.
   */
  hold(instance: string): Promise<boolean>;
  /**
   * Finds those of some registered instances whose process has ended or has closed its connection. An instance
   * about which that is uncertain is not among them. It may take up to a second to be sure, or have to be asked
   * again; never rejects.
   */
  gone(instances: readonly string[]): Promise<ReadonlySet<string>>;
  /**
   * Deletes the registration of an instance: of this one, or of one that is gone. Its state cannot be
   * determined any more.
   */
  release(instance: string): Promise<void>;
  /** Deletes the registrations of all instances that are gone, except for these. */
  retain(instances: ReadonlySet<string>): Promise<void>;
}
