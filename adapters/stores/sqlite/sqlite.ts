/**
 * The store in a SQLite file.
 *
 * @module
 */

import type { Clock } from "../../../runtime/base/clock.ts";
import { requireKnownOptions } from "../../../runtime/base/option_names.ts";
import { requireOneOf } from "../../../runtime/base/require.ts";
import { messageOf } from "../../../runtime/base/errors.ts";
import { storeEngine } from "../../../runtime/durable/engine.ts";
import { expectedOf, requireOneWord } from "../../../runtime/ports/one_word.ts";
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
  listEntries,
  prepare,
  readEntries,
  setUp,
  type Statements,
  versionsAtOnce,
} from "./database.ts";
import { SqliteExpiry } from "./expiry.ts";
import { isLocked, whileLocked } from "./lock.ts";
import { fileOf, folderOf } from "./path.ts";
import { optionNames, type SqliteOptions } from "./options.ts";
import { SqlitePresence } from "./presence.ts";

export type { SqliteOptions } from "./options.ts";

const limits: StoreLimits = {
  keyBytes: Infinity,
  valueBytes: Infinity,
  checks: Infinity,
  writes: Infinity,
  // SQLite allows more, but a commit blocks the process.
  bytes: 64 * 1024 * 1024,
  keysBytes: Infinity,
};

/**
 * Creates a store in one SQLite file, using `node:sqlite` of Deno, Node (from 22.13) or Bun (from 1.4). Several
 * processes on one machine may share the file; its folder must exist. While the file is open, its log (`-wal`) and index (`-shm`) lie
 * beside it, and for each system that uses it a small file `-alive-…`, whose lock tells the other systems at
 * once when that process ends. The next process removes the files that a killed process leaves. Such locks
 * are used on Linux, if the file is on a local file system and Deno has permission to read and write its
 * folder and `--allow-sys=statfs`; otherwise the end of a process is detected by three missed heartbeats.
 * `:memory:` is a store for one system, without a file. `node:sqlite` is loaded when the store is opened.
 *
 * A commit is refused with `store-unavailable` if other processes have locked the file for 10 s, and with
 * `store-full` if there is no room. Its outcome is unknown only if the disk failed to flush: then it may be
 * present after a crash.
 *
 * If the file or its log is moved, replaced or removed while it is open, all calls reject with
 * `store-unavailable` within 10 ms, and the health of the system reports it, until the file is back in its
 * place or the system is restarted and opens the present file. Files are compared by inode, so overwriting
 * the file in place (`cp backup.db orders.db`) is not detected: stop the system first. Neither is a
 * replacement on a platform without inodes.
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
 * @param path the path of the file, which is created if it does not exist; `:memory:` for no file. It is not
 * a URI: `file:a.db` is a file of that name
 * @param options durability and maximum size
 * @returns the store, which is not opened yet
 * @throws {RangeError} if the path names no file: it is empty, a folder (`data/`), a URL, or contains NUL; or if
 * `bytesMax` is not above 0, or `synchronous` is neither `full` nor `normal`
 */
export function sqlite(path: string, options: SqliteOptions = {}): Store {
  requireKnownOptions("sqlite", options, optionNames);
  const { synchronous = "full", bytesMax = Infinity } = options;
  requireOneOf(`synchronous of ${path}`, synchronous, ["full", "normal"]); // else a misspelt one would be less than "full"
  if (!(bytesMax > 0)) {
    throw new RangeError(`Cannot use bytesMax of ${path}: it must be above 0: current value is ${bytesMax}`);
  }
  const file = fileOf(path);
  const inMemory = file === ":memory:";
  const traits: StoreTraits = {
    name: "sqlite",
    durability: inMemory ? "nothing" : synchronous === "full" ? "power" : "process",
    processes: inMemory ? "one" : "many",
    // a commit that the disk failed to flush is overwritten by the next one, or that one rejects
    unknownOutcomes: false,
    commitsAtOnce: 1,
    fullCommitsAtOnce: 1,
    partsAtOnce: 100,
    heartbeatMs: 2_000,
    limits,
  };
  return { engine: storeEngine, traits, open: (services) => open(file, synchronous, bytesMax, services) };
}

async function open(
  path: string,
  synchronous: "full" | "normal",
  bytesMax: number,
  { clock }: StoreServices,
): Promise<StoreConnection> {
  // The name is a variable, so that a bundler for a platform without this module does not resolve it.
  const name = "node:sqlite";
  let library: { DatabaseSync: new (path: string, options?: { readonly readOnly: boolean }) => Database };
  try {
    library = await import(name);
  } catch (cause) {
    throw new StoreError("store-unavailable", `Cannot open ${path}: this platform has no ${name}`, { cause });
  }
  try {
    // Processes that open a new file at the same time lock each other out.
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
    const connection = connectionTo(path, database, clock, presence);
    if (!inMemory) connection.file = await StoreFile.of(path, clock);
    return connection;
  } catch (cause) {
    const why = messageOf(cause) + await hintOf(path, messageOf(cause));
    throw new StoreError("store-unavailable", `Cannot open ${path}: ${why}`, { cause });
  }
}

/** Closes a database whose tables are not those of a store: who opens it tries again and again. */
function connectionTo(...parts: ConstructorParameters<typeof SqliteConnection>): SqliteConnection {
  try {
    return new SqliteConnection(...parts);
  } catch (error) {
    parts[1].close();
    throw error;
  }
}

/** What to do if a file cannot be opened. */
async function hintOf(path: string, message: string): Promise<string> {
  const mayNotWrite = ": the process must be allowed to write to it and to its folder";
  if (/readonly/.test(message)) return mayNotWrite;
  if (!/unable to open|NotFound/.test(message)) return "";
  if (await isFolder(path)) return ": it is a folder";
  return await isFolder(folderOf(path)) ? mayNotWrite : ": its folder must exist";
}

class SqliteConnection implements StoreConnection {
  readonly presence: SqlitePresence | undefined;
  /** Whether no other connection can use the database: then nothing is polled. */
  readonly #alone: boolean;
  readonly #path: string;
  readonly #database: Database;
  readonly #clock: Clock;
  readonly #statements: Statements;
  /** Calls that are waiting for the lock. */
  readonly #waiting = new Set<Promise<unknown>>();
  readonly #notifier: SqliteNotifier;
  readonly #expiry: SqliteExpiry;
  /** Its file, if the platform allows checking it. */
  file: StoreFile | undefined;
  /** The versions reserved for this connection: from the next one to the last. */
  #nextVersion = 1;
  #lastVersion = 0;
  /** The number of values with an expiry time written in the current transaction. */
  #expiring = 0;
  #closed: Promise<void> | undefined;

  constructor(path: string, database: Database, clock: Clock, presence: SqlitePresence | undefined) {
    this.presence = presence;
    this.#alone = path === ":memory:";
    this.#path = path;
    this.#database = database;
    this.#clock = clock;
    this.#statements = prepare(database);
    this.#notifier = new SqliteNotifier(this.#statements, clock);
    this.#expiry = new SqliteExpiry(this.#statements, clock);
    if (!this.#alone) this.#expiry.begin();
  }

  read(keys: readonly string[]): Promise<(Entry | undefined)[]> {
    return this.#run("read", () => readEntries(this.#statements, keys));
  }

  list(range: KeyRange): Promise<Entry[]> {
    return this.#run("list", () => listEntries(this.#statements, range));
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
    if (this.#alone || this.#closed !== undefined) return { [Symbol.dispose]: () => {} };
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
    this.#database.close(); // the last connection to close checkpoints the log
  }

  /** Runs an action at once, and retries it while another connection holds the lock. */
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
    // First assumes that all checks hold: most of them are then part of the statement that writes. If one
    // fails, starts again and evaluates them first.
    return this.#transact(parts, false) ?? this.#transact(parts, true)!;
  }

  /**
   * Applies parts in one transaction. With `looks`, evaluates the checks of each part first; without it,
   * returns `undefined` and applies nothing if a check fails.
   */
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
      if (version === undefined) return versions; // there is nothing to flush
      if (this.#expiring > 0) this.#expiry.share(this.#expiring);
      committedDelivery = true;
      commit.run();
      done = true;
      rung?.();
      return versions;
    } catch (error) {
      // The commit may be in the log, which SQLite reads again after a crash, although no reader sees it
      // until then.
      if (committedDelivery && /I\/O error/.test(messageOf(error))) {
        const message = `Cannot tell whether ${this.#path} has the commit: ${messageOf(error)}`;
        throw new OutcomeUnknownError(message, { cause: error });
      }
      throw error;
    } finally {
      if (!done) {
        // Versions reserved in this transaction are not reserved any more. Versions reserved before are not
        // reused: they may have been committed.
        if (this.#lastVersion !== reservedBefore) this.#lastVersion = 0;
        try {
          rollback.run();
        } catch {
          // SQLite rolls back by itself if the disk is full
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

  /**
   * Applies a part. If a check fails, returns `false`; the part may then be applied partially. Checking and
   * writing a key is one statement.
   */
  #apply({ checks, writes, removals }: AtomicPart, version: number): boolean {
    const { put, add, replace, remove, removeVersion } = this.#statements;
    const expected = expectedOf(checks);
    if (expected === undefined) return false;
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

  /** Evaluates parts that only check, in one snapshot, without taking the lock or flushing. */
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
    // an exceeded quota is reported as an I/O error
    const full = /disk is full|I\/O error/.test(messageOf(error));
    const message = `Cannot ${what} ${this.#path}: ${messageOf(error)}`;
    return new StoreError(full ? "store-full" : "store-unavailable", message, { cause: error });
  }
}
