/**
 * The store in a file, by SQLite.
 *
 * @module
 */

import type { Clock } from "../../../runtime/base/clock.ts";
import { messageOf } from "../../../runtime/base/errors.ts";
import { endOf } from "../../../runtime/base/key_order.ts";
import { requireOneWord } from "../../../runtime/ports/one_word.ts";
import type {
  AtomicPart,
  Entry,
  KeyRange,
  Store,
  StoreConnection,
  StoreLimits,
  StoreServices,
  StoreTraits,
} from "../../../runtime/ports/store.ts";
import { OutcomeUnknownError, StoreError } from "../../../runtime/base/store_errors.ts";
import { isFolder, StoreFile } from "../../../runtime/ports/store_file.ts";
import { SqliteNotifier } from "./notifier.ts";
import {
  type Database,
  endOfKeys,
  prepare,
  setUp,
  type Statements,
  toEntry,
  versionsAtOnce,
} from "./database.ts";
import { SqliteExpiry } from "./expiry.ts";
import { isLocked, whileLocked } from "./lock.ts";
import { fileOf } from "./path.ts";
import { SqlitePresence } from "./presence.ts";

/** Options of {@linkcode sqlite}. */
export interface SqliteOptions {
  /**
   * What a commit waits for. `full`: until the disk has it, so it outlives a loss of power. `normal`: until the
   * operating system has it: several times as fast, and it outlives the process however that ends, but a loss of power
   * may take the last commits with it; those before them stay, whole and in order.
   *
   * @default {"full"}
   */
  readonly synchronous?: "full" | "normal";
  /**
   * The most bytes of the file, beside which the log takes some of its own. What would make it larger rejects with
   * `store-full`, and nothing of it is there; removals make room again.
   *
   * @default {Infinity}
   */
  readonly bytesMax?: number;
}

const limits: StoreLimits = {
  keyBytes: Infinity,
  valueBytes: Infinity,
  checks: Infinity,
  writes: Infinity,
  // SQLite would take more, but nothing else of the process runs meanwhile.
  bytes: 64 * 1024 * 1024,
  keysBytes: Infinity,
};

/**
 * Makes a store of one SQLite file, by `node:sqlite`: Deno and Node have it. Several processes may share the file, on
 * one machine; its folder must exist. Beside it lie its log and its index, `-wal` and `-shm`, while it is open, and for
 * each system that uses it a small file `-alive-…`: its lock tells the others at once when that process has ended. The
 * next process removes what a killed one leaves of these. Locks are used on Linux, where the file is on a local file
 * system and Deno permits to read and write its folder and `--allow-sys=statfs`; else three missed heartbeats tell.
 * `:memory:` is a store for one system, without a file. `node:sqlite` is first looked for when the store is opened.
 *
 * A commit is refused with `store-unavailable` when others have kept the file locked for 10 s, and with `store-full`
 * when there is no room. Its outcome is unknown only when the disk failed to flush: then it may be there after a crash.
 *
 * Where the file or its log has been moved, replaced or removed while it is open, all calls reject with
 * `store-unavailable` from a hundredth of a second later on, and health says so: until it is back where it was, or the
 * system is started again and opens what is there then. It is told by its inode: what is written over in place (`cp
 * backup.db orders.db`) is not noticed, so stop first; nor is a replacement where the platform has no inodes.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { systemClock } from "@posthorn/posthorn";
 * import { sqlite } from "@posthorn/posthorn/sqlite";
 *
 * const store = sqlite(":memory:");
 * const connection = await store.open({ clock: systemClock() });
 * const value = new TextEncoder().encode("tea");
 * await connection.commit([{ checks: [], writes: [{ key: "order/ada", value }], removals: [] }]);
 * const [stored] = await connection.list({ prefix: "order/", limit: 10 });
 * assert(stored.key === "order/ada");
 * await connection.close();
 * ```
 *
 * @param path where the file is, or is to be; `:memory:` for none. A path and no URI: `file:a.db` is a file of that name.
 * A `RangeError` where it names no file: nothing, a folder (`data/`), a URL, or a name with NUL in it
 * @param options how durable, how large
 * @returns the store; nothing is opened yet
 */
export function sqlite(path: string, options: SqliteOptions = {}): Store {
  const { synchronous = "full", bytesMax = Infinity } = options;
  if (!(bytesMax > 0)) {
    throw new RangeError(`Cannot use bytesMax of ${path}: it must be above 0: current value is ${bytesMax}`);
  }
  const file = fileOf(path);
  const inMemory = file === ":memory:";
  const traits: StoreTraits = {
    name: "sqlite",
    durability: inMemory ? "nothing" : synchronous === "full" ? "power" : "process",
    processes: inMemory ? "one" : "many",
    unknownOutcomes: false, // what the disk failed to flush is written over by the next commit, or rejects with that
    commitsAtOnce: 1,
    fullCommitsAtOnce: 1,
    partsAtOnce: 100,
    heartbeatMs: 2_000,
    limits,
  };
  return { traits, open: (services) => open(file, synchronous, bytesMax, services) };
}

async function open(
  path: string,
  synchronous: "full" | "normal",
  bytesMax: number,
  { clock }: StoreServices,
): Promise<StoreConnection> {
  // Not where a bundler for a platform without it would look for it.
  const name = "node:sqlite";
  let library: { DatabaseSync: new (path: string, options?: { readonly readOnly: boolean }) => Database };
  try {
    library = await import(name);
  } catch (cause) {
    throw new StoreError("store-unavailable", `Cannot open ${path}: this platform has no ${name}`, { cause });
  }
  try {
    // Those who open a new file together are in each other's way.
    const database = await whileLocked(clock, () => {
      const database = new library.DatabaseSync(path);
      try {
        setUp(database, synchronous, bytesMax);
        return database;
      } catch (error) {
        database.close();
        throw error;
      }
    });
    const inMemory = path === ":memory:";
    const open = (path: string, readOnly: boolean) => new library.DatabaseSync(path, { readOnly });
    const presence = inMemory ? undefined : await SqlitePresence.of(path, open);
    const connection = new SqliteConnection(path, database, clock, presence);
    if (!inMemory) connection.file = await StoreFile.of(path, clock);
    return connection;
  } catch (cause) {
    let hint = "";
    if (/unable to open|NotFound/.test(messageOf(cause))) {
      hint = await isFolder(path) ? ": it is a folder" : ": its folder must exist";
    }
    throw new StoreError("store-unavailable", `Cannot open ${path}: ${messageOf(cause)}${hint}`, { cause });
  }
}

class SqliteConnection implements StoreConnection {
  readonly presence: SqlitePresence | undefined;
  readonly #path: string;
  readonly #database: Database;
  readonly #clock: Clock;
  readonly #statements: Statements;
  /** Calls that wait for the lock. */
  readonly #waiting = new Set<Promise<unknown>>();
  readonly #notifier: SqliteNotifier;
  readonly #expiry: SqliteExpiry;
  /** Its file, where that can be looked at. */
  file: StoreFile | undefined;
  /** The versions that only this connection gives: from the next one to the last. */
  #nextVersion = 1;
  #lastVersion = 0;
  /** How many values that expire were written in the transaction. */
  #expiring = 0;
  #closed: Promise<void> | undefined;

  constructor(path: string, database: Database, clock: Clock, presence: SqlitePresence | undefined) {
    this.presence = presence;
    this.#path = path;
    this.#database = database;
    this.#clock = clock;
    this.#statements = prepare(database);
    this.#notifier = new SqliteNotifier(this.#statements, clock);
    this.#expiry = new SqliteExpiry(this.#statements, clock);
  }

  read(keys: readonly string[]): Promise<(Entry | undefined)[]> {
    return this.#run("read", () =>
      keys.map((key) => {
        const row = this.#statements.get.get(key);
        return row === undefined ? undefined : toEntry(row);
      }));
  }

  list({ prefix, after, limit, reverse = false }: KeyRange): Promise<Entry[]> {
    const { forward, forwardBehind, backward } = this.#statements;
    const end = endOf(prefix) ?? endOfKeys;
    return this.#run("list", () => {
      const rows = reverse
        ? backward.all(prefix, end, after ?? endOfKeys, limit)
        : after?.startsWith(prefix)
        ? forwardBehind.all(after, end, limit)
        : forward.all(prefix, after ?? prefix, end, limit);
      return rows.map(toEntry);
    });
  }

  commit(parts: readonly AtomicPart[]): Promise<(string | undefined)[]> {
    try {
      requireOneWord(parts);
    } catch (error) {
      return Promise.reject(error);
    }
    const changes = parts.some(({ writes, removals }) => writes.length > 0 || removals.length > 0);
    return this.#run("commit to", () => changes ? this.#write(parts) : this.#test(parts));
  }

  watch(onChange: () => void): Disposable {
    if (this.#closed !== undefined) return { [Symbol.dispose]: () => {} };
    return this.#notifier.watch(onChange);
  }

  close(): Promise<void> {
    return this.#closed ??= this.#close();
  }

  async #close(): Promise<void> {
    this.#expiry.end();
    this.#notifier.end();
    while (this.#waiting.size > 0) await Promise.allSettled(this.#waiting);
    this.presence?.close();
    this.#database.close(); // the last one writes the log into the file
  }

  /** Calls that at once, and where others hold the lock again and again. */
  #run<Result>(what: string, action: () => Result): Promise<Result> {
    if (this.#closed !== undefined) {
      const message = `Cannot ${what} ${this.#path}: its connection is closed`;
      return Promise.reject(new StoreError("store-closed", message));
    }
    const act = () => {
      this.file?.require();
      return action();
    };
    try {
      return Promise.resolve(act());
    } catch (error) {
      if (!isLocked(error)) return Promise.reject(this.#explain(what, error));
    }
    const waiting = whileLocked(this.#clock, act, 1).catch((error) => {
      throw this.#explain(what, error);
    });
    this.#waiting.add(waiting);
    const ended = () => void this.#waiting.delete(waiting);
    waiting.then(ended, ended);
    return waiting;
  }

  #write(parts: readonly AtomicPart[]): (string | undefined)[] {
    // Mostly all checks hold: then most of them cost nothing beside the statement that writes. Else it begins again.
    return this.#transact(parts, false) ?? this.#transact(parts, true)!;
  }

  /** Applies parts in one transaction; where a check fails that was not looked at before, nothing, and returns nothing. */
  #transact(parts: readonly AtomicPart[], looks: boolean): (string | undefined)[] | undefined {
    const { begin, commit, rollback } = this.#statements;
    const reservedBefore = this.#lastVersion;
    let committedDelivery = false;
    let done = false;
    let rung: (() => void) | undefined;
    this.#expiring = 0;
    begin.run();
    try {
      let version: number | undefined;
      const versions: (string | undefined)[] = [];
      for (const part of parts) {
        if (looks && !this.#holds(part)) {
          versions.push(undefined);
          continue;
        }
        version ??= this.#takeVersion();
        if (!this.#apply(part, version)) return undefined;
        if (part.rings) rung ??= this.#notifier.ring();
        versions.push(String(version));
      }
      if (version === undefined) return versions; // nothing to wait for the disk for
      if (this.#expiring > 0) this.#expiry.share(this.#expiring);
      committedDelivery = true;
      commit.run();
      done = true;
      rung?.();
      return versions;
    } catch (error) {
      // The whole of it may be in the log, which is read again after a crash, though nobody sees it until then.
      if (committedDelivery && /I\/O error/.test(messageOf(error))) {
        const message = `Cannot tell whether ${this.#path} has the commit: ${messageOf(error)}`;
        throw new OutcomeUnknownError(message, { cause: error });
      }
      throw error;
    } finally {
      if (!done) {
        // What was reserved in it is not, and others may; what was reserved before is not given again: it may have landed.
        if (this.#lastVersion !== reservedBefore) this.#lastVersion = 0;
        try {
          rollback.run();
        } catch {
          // SQLite has done that itself where the disk is full
        }
      }
    }
  }

  #takeVersion(): number {
    if (this.#nextVersion > this.#lastVersion) {
      this.#lastVersion = this.#statements.reserve.get()!.reserved as number;
      this.#nextVersion = this.#lastVersion - versionsAtOnce + 1;
    }
    return this.#nextVersion++;
  }

  /** Applies a part; where a check fails it may have done so in part. What is checked and written is one statement. */
  #apply({ checks, writes, removals }: AtomicPart, version: number): boolean {
    const { put, add, replace, remove, removeVersion } = this.#statements;
    const expected = new Map<string, string | undefined>();
    for (const check of checks) expected.set(check.key, check.version);
    for (const { key, value, expiresAtMs } of writes) {
      const expires = expiresAtMs === undefined ? null : Math.ceil(expiresAtMs);
      if (expires !== null) this.#expiring++;
      const was = expected.get(key);
      if (was !== undefined) {
        if (replace.run(value, version, expires, key, Number(was)).changes === 0) return false;
        expected.delete(key);
      } else if (expected.delete(key)) {
        if (add.run(key, value, version, expires).changes === 0) return false;
      } else put.run(key, value, version, expires);
    }
    for (const { key } of removals) {
      const was = expected.get(key);
      if (was !== undefined) {
        if (removeVersion.run(key, Number(was)).changes === 0) return false;
        expected.delete(key);
      } else if (!expected.has(key)) remove.run(key);
    }
    for (const [key, was] of expected) if (this.#versionOf(key) !== was) return false;
    return true;
  }

  /** Commits that only check: all of one moment, without the lock and without waiting for the disk. */
  #test(parts: readonly AtomicPart[]): (string | undefined)[] {
    const { beginRead, commit } = this.#statements;
    beginRead.run();
    try {
      return parts.map((part) => this.#holds(part) ? "0" : undefined);
    } finally {
      commit.run();
    }
  }

  #holds({ checks }: AtomicPart): boolean {
    for (const { key, version } of checks) if (this.#versionOf(key) !== version) return false;
    return true;
  }

  #versionOf(key: string): string | undefined {
    const row = this.#statements.version.get(key);
    return row === undefined ? undefined : String(row.version);
  }

  #explain(what: string, error: unknown): Error {
    if (error instanceof OutcomeUnknownError || error instanceof StoreError) return error;
    const full = /disk is full|I\/O error/.test(messageOf(error)); // a quota is the latter
    const message = `Cannot ${what} ${this.#path}: ${messageOf(error)}`;
    return new StoreError(full ? "store-full" : "store-unavailable", message, { cause: error });
  }
}
