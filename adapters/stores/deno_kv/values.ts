import type { Delete, Entry, KeyRange, Put } from "../../../runtime/ports/store.ts";
import { endOf, isBefore } from "../../../runtime/base/key_order.ts";
import { StoreError } from "../../../runtime/base/store_errors.ts";
import type { KvAtomic, KvEntry, KvHandle, KvKey } from "./handle.ts";
import { KvPieces, piecesOf, valueBytesMax } from "./pieces.ts";

/** The maximum number of keys in one read. */
const keysAtOnce = 10;
/** The maximum number of attempts to read a value that is overwritten while its pieces are read. */
const triesMax = 10;
/**
 * How much later than requested a value expires, in milliseconds; its pieces expire later by the same time
 * again, because they must not expire before it. Allows for a writer whose clock is ahead.
 */
const expirySlackMs = 60_000;
/**
 * The maximum time to live, in milliseconds. A value with a longer one never expires: Deno ends the process
 * if the expiry exceeds the last representable date.
 */
const expiryMsMax = 1e13;

/**
 * The layout of values in Deno KV. A value that fits is stored as bytes under its key. A larger one is split:
 * the key holds the number of its bytes, and its pieces are stored under keys of another space, which no list
 * returns. One commit writes all of them, so they have one version: a piece with another version belongs to
 * another value.
 */
export class KvValues {
  /** The pieces of large values. */
  readonly pieces: KvPieces;
  readonly #kv: KvHandle;
  readonly #prefix: string;

  constructor(kv: KvHandle, prefix: string) {
    this.#kv = kv;
    this.#prefix = prefix;
    this.pieces = new KvPieces(kv, prefix);
  }

  /** The key that processes watch for changes. */
  get bell(): KvKey {
    return [`${this.#prefix}.bell`];
  }

  /** The key of the head of a value. */
  headOf(key: string): KvKey {
    return [this.#prefix, key];
  }

  /** Adds a write to an atomic operation. */
  set(atomic: KvAtomic, { key, value, oldBytes = 0, expiresAtMs }: Put, nowMs: number): void {
    const pieces = piecesOf(value.length);
    const goesMs = expiresAtMs === undefined ? Infinity : Math.max(expiresAtMs - nowMs, 0);
    const leftMs = goesMs > expiryMsMax ? undefined : Math.ceil(goesMs);
    const expiry = (slacks: number) =>
      leftMs === undefined ? {} : { expireIn: leftMs + slacks * expirySlackMs };
    atomic.set(this.headOf(key), pieces === 0 ? value : value.length, expiry(1));
    for (let n = 0; n < pieces; n++) {
      const piece = value.subarray(n * valueBytesMax, (n + 1) * valueBytesMax);
      atomic.set(this.pieces.keyOf(key, n), piece, expiry(2));
    }
    this.pieces.remove(atomic, key, pieces, piecesOf(oldBytes));
  }

  /** Adds a removal to an atomic operation. */
  remove(atomic: KvAtomic, { key, oldBytes = 0 }: Delete): void {
    atomic.delete(this.headOf(key));
    this.pieces.remove(atomic, key, 0, piecesOf(oldBytes));
  }

  /** Reads the current version of each key. */
  async versions(keys: readonly string[]): Promise<Map<string, string | undefined>> {
    const entries = await this.#entries(keys);
    return new Map(keys.map((key, index) => [key, entries[index].versionstamp ?? undefined]));
  }

  /** Reads the entries of these keys. */
  async read(keys: readonly string[]): Promise<(Entry | undefined)[]> {
    const entries = await this.#entries(keys);
    return await Promise.all(entries.map(async (entry, index) => {
      const key = keys[index];
      for (let tries = 1; tries <= triesMax; tries++) {
        if (entry.versionstamp === null) return undefined;
        const stored = await this.#join(key, entry);
        if (stored !== undefined) return stored;
        [entry] = await this.#entries([key]);
      }
      throw restless(key);
    }));
  }

  /** Lists the entries of a range in one batch: a second batch would be of another snapshot. */
  async list({ prefix, after, limit, reverse = false }: KeyRange): Promise<Entry[]> {
    let from = prefix;
    let to = endOf(prefix);
    if (after !== undefined && reverse && (to === undefined || isBefore(after, to))) to = after;
    // the next possible string
    if (after !== undefined && !reverse && !isBefore(after, prefix)) from = `${after}\0`;
    if (to !== undefined && !isBefore(from, to)) return [];
    const range = { start: this.headOf(from), end: to === undefined ? this.#end : this.headOf(to) };
    const options = { limit, batchSize: limit, reverse, consistency: "strong" } as const;
    for (let tries = 1; tries <= triesMax; tries++) {
      const heads: KvEntry[] = [];
      for await (const entry of this.#kv.list(range, options)) heads.push(entry);
      const found = await Promise.all(heads.map((entry) => this.#join(entry.key[1] as string, entry)));
      if (found.every((stored) => stored !== undefined)) return found;
    }
    throw restless(prefix);
  }

  async #entries(keys: readonly string[]): Promise<KvEntry[]> {
    const reads: Promise<KvEntry[]>[] = [];
    for (let index = 0; index < keys.length; index += keysAtOnce) {
      const heads = keys.slice(index, index + keysAtOnce).map((key) => this.headOf(key));
      reads.push(this.#kv.getMany(heads, { consistency: "strong" }));
    }
    return (await Promise.all(reads)).flat();
  }

  /** Reads the pieces of a value; `undefined` if the value was overwritten meanwhile. */
  async #join(key: string, { value, versionstamp }: KvEntry): Promise<Entry | undefined> {
    const version = versionstamp!;
    if (value instanceof Uint8Array) return { key, value, version };
    if (typeof value !== "number") {
      throw new StoreError("store-unavailable", `Cannot read ${shown(key)}: another program has written it`);
    }
    const pieces = piecesOf(value);
    const whole = new Uint8Array(value);
    const range = { start: this.pieces.keyOf(key, 0), end: this.pieces.keyOf(key, pieces) };
    const options = { limit: pieces, batchSize: pieces, consistency: "strong" } as const;
    let n = 0;
    for await (const piece of this.#kv.list(range, options)) {
      if (piece.versionstamp !== version) return undefined;
      whole.set(piece.value as Uint8Array, n++ * valueBytesMax);
    }
    if (n !== pieces) return undefined;
    this.pieces.saw(key, pieces);
    return { key, value: whole, version };
  }

  /** A bound greater than every key: Deno KV orders booleans after strings. */
  get #end(): KvKey {
    return [this.#prefix, true];
  }
}

function restless(key: string): StoreError {
  return new StoreError(
    "store-unavailable",
    `Cannot read ${shown(key)}: it was overwritten during each of ${triesMax} attempts`,
  );
}

/** Quotes a key for an error message, because keys contain control characters. */
function shown(key: string): string {
  return JSON.stringify(key);
}
