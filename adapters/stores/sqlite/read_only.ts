import type { Clock } from "../../../runtime/base/clock.ts";
import { messageOf } from "../../../runtime/base/errors.ts";
import { StoreError } from "../../../runtime/base/store_errors.ts";
import type { Store } from "../../../runtime/ports/store.ts";
import { type Database, listEntries, prepare, readEntries } from "./database.ts";
import { whileLocked } from "./lock.ts";
import { fileOf } from "./path.ts";

/** How often a file is read again because a system has begun to write to it meanwhile. */
const readAgain = 5;

/** The functions used of Node. */
interface Files {
  existsSync(path: string): boolean;
  statSync(path: string, options: { bigint: true }): Readonly<Record<"ino" | "size" | "mtimeNs", bigint>>;
}
interface Urls {
  pathToFileURL(path: string): URL;
}
interface Sqlite {
  readonly DatabaseSync: new (path: string, options: { readonly readOnly: true }) => Database;
}

/**
 * The file of a store, for questions of a user who may not be allowed to write to it. It is opened for each of them, and
 * nothing is created beside it: SQLite makes a log and its index where they are missing also for who only reads, and with
 * files of that user the system could not open its own again.
 */
export class ReadOnlyFile {
  readonly #path: string;
  readonly #uri: string;
  readonly #files: Files;
  readonly #sqlite: Sqlite;

  private constructor(path: string, uri: string, files: Files, sqlite: Sqlite) {
    this.#path = path;
    this.#uri = uri;
    this.#files = files;
    this.#sqlite = sqlite;
  }

  /** The file of a path. Rejects if the platform has no `node:sqlite`. */
  static async of(path: string): Promise<ReadOnlyFile> {
    const [fs, url, sqlite] = ["node:fs", "node:url", "node:sqlite"]; // not every platform has them
    const { pathToFileURL }: Urls = await import(url);
    const uri = `${pathToFileURL(path).href}?immutable=1`;
    return new ReadOnlyFile(fileOf(path), uri, await import(fs), await import(sqlite));
  }

  /** Asks the database. Rejects with a `StoreError` if it cannot be read. */
  async ask<Result>(clock: Clock, question: (database: Database) => Result): Promise<Result> {
    try {
      return await whileLocked(clock, () => this.#ask(question, readAgain));
    } catch (cause) {
      const hint = this.#has("-wal") && !this.#has("-shm")
        ? ": its log (-wal) has no index (-shm), and only who may write to its folder can make one"
        : "";
      const message = `Cannot read ${this.#path}: ${messageOf(cause)}${hint}`;
      throw new StoreError("store-unavailable", message, { cause });
    }
  }

  /** A store of this file that is only asked. */
  asked(store: Store): Store {
    return {
      ...store,
      open: ({ clock }) =>
        Promise.resolve({
          read: (keys) => this.ask(clock, (database) => readEntries(prepare(database), keys)),
          list: (range) => this.ask(clock, (database) => listEntries(prepare(database), range)),
          commit: () => Promise.reject(new StoreError("store-unavailable", "Cannot commit: it is only read")),
          watch: () => ({ [Symbol.dispose]: () => {} }),
          close: () => Promise.resolve(),
        }),
    };
  }

  #ask<Result>(question: (database: Database) => Result, more: number): Result {
    const before = this.#state();
    try {
      const database = this.#open();
      try {
        const answer = question(database);
        if (this.#state() === before) return answer;
      } finally {
        database.close();
      }
    } catch (error) {
      if (this.#state() === before) throw error;
    }
    if (more === 0) throw new Error("it changes while it is read");
    return this.#ask(question, more - 1);
  }

  #open(): Database {
    const { DatabaseSync } = this.#sqlite;
    if (!this.#has("-wal")) {
      try {
        // No system has it open. It is read as a file that does not change, and afterwards this is verified.
        return new DatabaseSync(this.#uri, { readOnly: true });
      } catch {
        // Node 22 knows no URIs, nor does Deno without the permission to read everything
      }
    }
    return new DatabaseSync(this.#path, { readOnly: true });
  }

  /** What stays the same while an answer is sound: with a log, SQLite sees to it. */
  #state(): string {
    if (this.#has("-wal")) return "log";
    const { ino, size, mtimeNs } = this.#files.statSync(this.#path, { bigint: true });
    return `${ino} ${size} ${mtimeNs}`;
  }

  #has(ending: "-wal" | "-shm"): boolean {
    return this.#files.existsSync(this.#path + ending);
  }
}
