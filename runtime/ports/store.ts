import type { Clock } from "../base/clock.ts";

/** A key and its value, as a store gave them. */
export interface Entry {
  /** Its key. */
  readonly key: string;
  /** What was written last. */
  readonly value: Uint8Array;
  /** Names that write: two writes of one key never have the same. Only equality means anything. */
  readonly version: string;
}

/** What must be true for a part to be applied: the key has that version, or no value where it is `undefined`. */
export interface Check {
  /** The key. */
  readonly key: string;
  /** The version it must have. */
  readonly version: string | undefined;
}

/** A value to write, whatever was there. */
export interface Put {
  /** The key. */
  readonly key: string;
  /** The value: to be read until the commit ends, and no longer; its buffer may hold others beside it. */
  readonly value: Uint8Array;
  /**
   * How many bytes the value has that it replaces, where that is known: what was split is then let go of with less work. A
   * hint, which may be absent or wrong.
   */
  readonly oldBytes?: number | undefined;
  /** From when on the store may let it go, in milliseconds since 1970; absent for never. It may still be there much later. */
  readonly expiresAtMs?: number | undefined;
}

/** A value to remove, whatever it is. */
export interface Delete {
  /** The key. */
  readonly key: string;
  /** How many bytes the value has, where that is known: a hint, as for a put. */
  readonly oldBytes?: number | undefined;
}

/** What is applied as a whole or not at all. No key is in `writes` and in `removals`: that would not say which comes last. */
export interface AtomicPart {
  /** What must be true. */
  readonly checks: readonly Check[];
  /** What is written. */
  readonly writes: readonly Put[];
  /** What is removed. */
  readonly removals: readonly Delete[];
  /** Whether other processes should hear of it at once. */
  readonly rings?: boolean;
}

/** Which values to list: those whose key begins with `prefix`, in the order of their keys. */
export interface KeyRange {
  /** What their keys begin with. */
  readonly prefix: string;
  /** Only those behind this key, which need not exist. */
  readonly after?: string;
  /** At most so many, from 1 to 1,000. */
  readonly limit: number;
  /** From the last to the first; then `after` means those before it. */
  readonly reverse?: boolean;
}

/** How much one commit can take. What takes more is refused before anything is written. */
export interface StoreLimits {
  /** The most bytes of one key, as UTF-8. */
  readonly keyBytes: number;
  /** The most bytes of a value that lies in one place; a larger one is split over several, each a write of its own. */
  readonly valueBytes: number;
  /** The most checks. */
  readonly checks: number;
  /** The most writes and removals together. */
  readonly writes: number;
  /** The most bytes of keys and values together. */
  readonly bytes: number;
  /** The most bytes of keys. */
  readonly keysBytes: number;
}

/** What a store can do, as data. */
export interface StoreTraits {
  /** What it is called. */
  readonly name: string;
  /** What a commit outlives: nothing, the process, or a loss of power as well. */
  readonly durability: "nothing" | "process" | "power";
  /** Whether several processes may share it. */
  readonly processes: "one" | "many";
  /**
   * Whether a commit may fail without telling whether it landed, and land later; or land, be repeated by whatever is in
   * between, and answer as stale. Where it may, no stale answer is believed without a look. Where it may not, calls may
   * take longer before they are given up.
   */
  readonly unknownOutcomes: boolean;
  /** How many commits it gains from having under way at once. */
  readonly commitsAtOnce: number;
  /**
   * The same for commits that are full, at least as many: more where one can be made ready while another is written, but
   * what is not full had better wait and fill up.
   */
  readonly fullCommitsAtOnce: number;
  /** How many parts one commit gains from. */
  readonly partsAtOnce: number;
  /** How often an instance says that it lives, in milliseconds; it is taken for dead after three times that. */
  readonly heartbeatMs: number;
  /** How much one commit can take. */
  readonly limits: StoreLimits;
}

/** What a connection may use of its system. */
export interface StoreServices {
  /** The system's time. */
  readonly clock: Clock;
}

/**
 * The port to what keeps actors: keys in order, values of bytes, and commits that are applied as a whole or not at
 * all, each on condition that what was read has not changed. All that is durable is built on these four calls, so an
 * adapter is small and cannot get the protocol wrong.
 *
 * A store is a description; each system opens a connection of its own, and closes it when it stops. `storeConformance`
 * of `@posthorn/posthorn/testing/conformance` says whether an adapter does what is promised here.
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
  /** What it can do. */
  readonly traits: StoreTraits;
  /** Opens it. Rejects with a {@linkcode StoreError} when it cannot be used. */
  open(services: StoreServices): Promise<StoreConnection>;
}

/** An open store. All that it answers is strong: what was committed before the call is seen. */
export interface StoreConnection {
  /** What is under these keys, in their order; each by itself, so two of them may be from different moments. */
  read(keys: readonly string[]): Promise<(Entry | undefined)[]>;
  /** What is under the keys of a range: all of one moment. */
  list(range: KeyRange): Promise<Entry[]>;
  /**
   * Applies parts, each as a whole or not at all, and all that are applied together in one step: nobody ever sees some
   * of them. For each its version, which all its writes then have, or `undefined` where a check failed. The caller sees
   * to it that together they keep the limits, and that no part checks what another one writes or removes. Where a part
   * writes a key and removes it, nothing is applied, and it rejects with a `TypeError`.
   *
   * Rejects with a {@linkcode StoreError} when nothing was applied, and never will be; with an
   * {@linkcode OutcomeUnknownError} when all of it may have been, or may be later; with any other error where it refuses
   * these parts as such, and has applied nothing: then they are divided, and what is refused alone has failed.
   */
  commit(parts: readonly AtomicPart[]): Promise<(string | undefined)[]>;
  /**
   * Calls `onChange` soon after another connection has committed something that rings. It may be called in vain, or
   * once for many.
   */
  watch(onChange: () => void): Disposable;
  /** Closes it. What is under way ends first. */
  close(): Promise<void>;
  /** How it is seen at once that a process has ended; absent where only missed heartbeats tell. */
  readonly presence?: StorePresence | undefined;
}

/**
 * Tells at once that the process of an instance has ended, however it ended: by something that only its operating system
 * takes from it, such as a lock. A connection has it where it can be certain; everywhere else an instance is taken for
 * dead when it has missed three heartbeats.
 *
 * To say "gone" of one that lives would cost work and count attempts against innocent messages. So whatever is not
 * certain (another machine, a file system over a network, no permission) must be answered as not gone.
 */
export interface StorePresence {
  /**
   * Says that this instance is in this process, until it is released, the connection is closed, or the process ends.
   * Resolves with whether {@linkcode isGone} of others can tell; never rejects.
   */
  hold(instance: string): Promise<boolean>;
  /**
   * Whether the process of an instance that was held has ended, or has closed its connection. `false` where that is not
   * certain; never rejects.
   */
  isGone(instance: string): Promise<boolean>;
  /** Clears away what is left of an instance: its own, or one that is gone. Nobody can tell of it any more. */
  release(instance: string): Promise<void>;
  /** Clears away what is left of all instances that are gone, but for these. */
  retain(instances: ReadonlySet<string>): Promise<void>;
}
