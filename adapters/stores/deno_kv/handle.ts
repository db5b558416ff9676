/**
 * One entry as Deno KV gives it.
 *
 * What is here is the part of `Deno.Kv` that the store uses, in words of our own: that type is unstable, and who does
 * not use Deno KV should not need a compiler that knows it.
 */
export interface KvEntry {
  /** Its key. */
  readonly key: readonly unknown[];
  /** Its value; `null` where there is none. */
  readonly value: unknown;
  /** Its version; `null` where there is none. */
  readonly versionstamp: string | null;
}

/** A key of ours: where it belongs, and which one it is. */
export type KvKey = (string | number | boolean)[];

/** What is applied as a whole: the part of `Deno.AtomicOperation` that the store uses. */
export interface KvAtomic {
  /** Demands a version. */
  check(...checks: { key: KvKey; versionstamp: string | null }[]): unknown;
  /** Writes a value. */
  set(key: KvKey, value: unknown, options?: { expireIn?: number }): unknown;
  /** Removes a value. */
  delete(key: KvKey): unknown;
  /** Applies it. */
  commit(): Promise<{ ok: true; versionstamp: string } | { ok: false }>;
}

/**
 * An open Deno KV: every `Deno.Kv` is one.
 *
 * @example
 * ```ts ignore
 * import type { KvHandle } from "@posthorn/posthorn/deno-kv";
 *
 * const kv: KvHandle = await Deno.openKv(); // needs --unstable-kv
 * ```
 */
export interface KvHandle {
  /** Reads up to ten keys, all at one moment. */
  getMany(keys: KvKey[], options?: { consistency?: "strong" | "eventual" }): Promise<KvEntry[]>;
  /** Lists what is from `start` on and before `end`. */
  list(
    selector: { start: KvKey; end: KvKey },
    options?: {
      limit?: number;
      batchSize?: number;
      reverse?: boolean;
      consistency?: "strong" | "eventual";
    },
  ): AsyncIterable<KvEntry>;
  /** Begins what is applied as a whole. */
  atomic(): KvAtomic;
  /** Tells when one of up to ten keys changes. */
  watch(keys: KvKey[]): ReadableStream<unknown>;
  /** Closes it. */
  close(): void;
}
