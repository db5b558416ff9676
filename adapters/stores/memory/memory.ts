import type { Clock } from "../../../runtime/base/clock.ts";
import { storeEngine } from "../../../runtime/durable/engine.ts";
import { requireOneWord } from "../../../runtime/ports/one_word.ts";
import { OrderedKeys } from "../../../runtime/base/ordered_keys.ts";
import type {
  AtomicPart,
  Entry,
  KeyRange,
  Store,
  StoreConnection,
  StoreTraits,
} from "../../../runtime/ports/store.ts";
import { StoreError } from "../../../runtime/base/store_errors.ts";
import { MemoryEnds } from "./ends.ts";

const traits: StoreTraits = {
  name: "memory",
  durability: "nothing",
  processes: "many",
  unknownOutcomes: false,
  commitsAtOnce: 1,
  fullCommitsAtOnce: 1,
  partsAtOnce: 100,
  heartbeatMs: 2_000,
  limits: {
    keyBytes: Infinity,
    valueBytes: Infinity,
    checks: Infinity,
    writes: Infinity,
    bytes: Infinity,
    keysBytes: Infinity,
  },
};

/**
 * The number of expired values that each commit deletes, and the number for each value that it writes: more
 * than one, so that expired values do not accumulate.
 */
const expiredAtOnce = 200;
const expiredForEach = 2;

/**
 * Creates a store that keeps everything in the memory of this process, as long as the store object lives: for
 * tests, and to try out durable actors. Systems that use the same store object share its data, as several
 * processes share a real store. It never fails and has no limits; its memory grows with its data. Nothing
 * survives the process.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { systemClock } from "@posthorn/posthorn";
 * import { memoryStore } from "@posthorn/posthorn/memory";
 *
 * const store = memoryStore();
 * const connection = await store.open({ clock: systemClock() });
 * const value = new TextEncoder().encode("tea");
 * const [version] = await connection.commit([{
 *   checks: [{ key: "order/ada", version: undefined }],
 *   writes: [{ key: "order/ada", value }],
 *   removals: [],
 * }]);
 * const [stored] = await connection.read(["order/ada"]);
 * assert(stored?.version === version);
 * await connection.close();
 * ```
 *
 * @returns an empty store
 */
export function memoryStore(): Store {
  const memory = new Memory();
  return {
    engine: storeEngine,
    traits,
    open: ({ clock }) => Promise.resolve(new MemoryConnection(memory, clock)),
  };
}

/** The state that all connections to one store share. */
class Memory {
  readonly values = new Map<string, Entry>();
  readonly keys = new OrderedKeys();
  readonly connections = new Set<MemoryConnection>();
  readonly #ends = new MemoryEnds();
  commits = 0;

  /** Applies a part if all its checks hold. Returns whether it did. */
  apply({ checks, writes, removals }: AtomicPart, version: string): boolean {
    for (const check of checks) {
      if (this.values.get(check.key)?.version !== check.version) return false;
    }
    for (const { key, value, expiresAtMs } of writes) {
      if (!this.values.has(key)) this.keys.add(key);
      this.values.set(key, { key, value: value.slice(), version }); // the caller may reuse its buffer
      this.#ends.set(key, expiresAtMs);
    }
    for (const { key } of removals) this.#remove(key);
    return true;
  }

  /** Deletes expired values, in proportion to the number of values written. */
  expire(nowMs: number, written: number): void {
    for (let left = expiredAtOnce + expiredForEach * written; left > 0; left--) {
      const key = this.#ends.ended(nowMs);
      if (key === undefined) return;
      this.#remove(key);
    }
  }

  #remove(key: string): void {
    this.#ends.delete(key);
    if (this.values.delete(key)) this.keys.delete(key);
  }
}

class MemoryConnection implements StoreConnection {
  readonly #memory: Memory;
  readonly #clock: Clock;
  readonly #watchers = new Set<{ readonly onChange: () => void }>();
  #closed = false;

  constructor(memory: Memory, clock: Clock) {
    this.#memory = memory;
    this.#clock = clock;
    memory.connections.add(this);
  }

  // deno-lint-ignore require-await -- what is thrown rejects
  async read(keys: readonly string[]): Promise<(Entry | undefined)[]> {
    this.#requireOpen("read");
    return keys.map((key) => copyOf(this.#memory.values.get(key)));
  }

  // deno-lint-ignore require-await -- what is thrown rejects
  async list({ prefix, after, limit, reverse = false }: KeyRange): Promise<Entry[]> {
    this.#requireOpen("list");
    const found: Entry[] = [];
    for (const key of this.#memory.keys.list(prefix, after, reverse)) {
      if (found.length === limit) break;
      found.push(copyOf(this.#memory.values.get(key))!);
    }
    return found;
  }

  // deno-lint-ignore require-await -- what is thrown rejects
  async commit(parts: readonly AtomicPart[]): Promise<(string | undefined)[]> {
    this.#requireOpen("commit to");
    requireOneWord(parts);
    this.#memory.expire(this.#clock.now(), parts.reduce((sum, { writes }) => sum + writes.length, 0));
    const version = String(++this.#memory.commits);
    let rings = false;
    const versions = parts.map((part) => {
      if (!this.#memory.apply(part, version)) return undefined;
      rings ||= part.rings === true;
      return version;
    });
    if (rings) {
      for (const connection of this.#memory.connections) if (connection !== this) connection.#ring();
    }
    return versions;
  }

  watch(onChange: () => void): Disposable {
    const watcher = { onChange };
    this.#watchers.add(watcher);
    return { [Symbol.dispose]: () => void this.#watchers.delete(watcher) };
  }

  close(): Promise<void> {
    this.#closed = true;
    this.#watchers.clear();
    this.#memory.connections.delete(this);
    return Promise.resolve();
  }

  /**
   * Notifies the watchers asynchronously, as a real store does: never within the call of another connection.
   */
  #ring(): void {
    for (const watcher of this.#watchers) {
      queueMicrotask(() => {
        if (this.#watchers.has(watcher)) watcher.onChange();
      });
    }
  }

  #requireOpen(what: string): void {
    if (this.#closed) {
      throw new StoreError("store-closed", `Cannot ${what} memory: its connection is closed`);
    }
  }
}

/** Copies an entry, so that no reader can change the data of another. */
function copyOf(stored: Entry | undefined): Entry | undefined {
  return stored && { ...stored, value: stored.value.slice() };
}
