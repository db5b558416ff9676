/**
 * One entry of Deno KV.
 *
 * These interfaces declare the part of `Deno.Kv` that the store uses. They are declared here because the type
 * of Deno is unstable, and a program that does not use Deno KV should not need a compiler that knows it.
 */
export interface KvEntry {
  /** The key. */
  readonly key: readonly unknown[];
  /** The value; `null` if there is none. */
  readonly value: unknown;
  /** The version; `null` if there is none. */
  readonly versionstamp: string | null;
}

/** A key of the store: the space, then the parts of the key. */
export type KvKey = (string | number | boolean)[];

/** An atomic operation: the part of `Deno.AtomicOperation` that the store uses. */
export interface KvAtomic {
  /** Adds conditions: each key has this version. */
  check(...checks: { key: KvKey; versionstamp: string | null }[]): unknown;
  /** Adds the write of a value. */
  set(key: KvKey, value: unknown, options?: { expireIn?: number }): unknown;
  /** Adds the removal of a value. */
  delete(key: KvKey): unknown;
  /** Applies the operation. */
  commit(): Promise<{ ok: true; versionstamp: string } | { ok: false }>;
}

/**
 * An open Deno KV database: every `Deno.Kv` satisfies it.
 *
 * @example
 * ```ts ignore
 * import type { KvHandle } from "@posthorn/posthorn/deno-kv";
 *
 * const kv: KvHandle = await Deno.openKv(); // needs --unstable-kv
 * ```
 */
export interface KvHandle {
  /** Reads up to ten keys, as a consistent snapshot. */
  getMany(keys: KvKey[], options?: { consistency?: "strong" | "eventual" }): Promise<KvEntry[]>;
  /** Lists the entries from `start` (inclusive) to `end` (exclusive). */
  list(
    selector: { start: KvKey; end: KvKey },
    options?: {
      limit?: number;
      batchSize?: number;
      reverse?: boolean;
      consistency?: "strong" | "eventual";
    },
  ): AsyncIterable<KvEntry>;
  /** Starts an atomic operation. */
  atomic(): KvAtomic;
  /** Streams an item each time one of up to ten keys changes. */
  watch(keys: KvKey[]): ReadableStream<unknown>;
  /** Closes the database. */
  close(): void;
}
