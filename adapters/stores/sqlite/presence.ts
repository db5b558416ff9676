import type { StorePresence } from "../../../runtime/ports/store.ts";
import type { Database } from "./database.ts";
import { folderOf } from "./path.ts";

/** The part of `node:fs` that is used. Declared here, because not every consumer has the types of Node. */
interface LockFiles {
  statfsSync(path: string): { readonly type: number };
  realpathSync(path: string): string;
  readdirSync(path: string): string[];
  unlinkSync(path: string): void;
}

/** Opens a file as a separate database. */
type OpenDatabase = (path: string, readOnly: boolean) => Database;

/**
 * Used to query permissions first, so that no prompt appears at the terminal. Other platforms have no
 * permissions.
 */
declare const Deno: {
  permissions: {
    querySync(
      name: { name: "read" | "write"; path: string } | { name: "sys"; kind: string },
    ): { state: string };
  };
} | undefined;

/**
 * Linux file systems that only one kernel writes to, by their `statfs` numbers: ext4, XFS, Btrfs, F2FS, ZFS,
 * tmpfs and overlays of them. Network file systems, and those of the host of a virtual machine, have other
 * numbers.
 */
const localTypes: ReadonlySet<number> = new Set([
  0xef53,
  0x58465342,
  0x9123683e,
  0xf2f52010,
  0x2fc12fc1,
  0x01021994,
  0x794c7630,
]);

/** The infix of the names of lock files, between the name of the database and the instance. */
const middle = "-alive-";

/**
 * Detects which instances use one SQLite file: each holds the lock of a small file of its own beside it. The
 * operating system releases the lock when the process ends, for whatever reason, and refuses it to others
 * until then.
 *
 * A lock is only meaningful between processes of one kernel. So it counts only if both the holder and the
 * observer see the file on a file system that no other kernel writes to. In every other case the answer is
 * "unknown".
 */
export class SqlitePresence implements StorePresence {
  readonly #path: string;
  readonly #files: LockFiles;
  readonly #open: OpenDatabase;
  readonly #held = new Map<string, Database>();

  private constructor(path: string, files: LockFiles, open: OpenDatabase) {
    this.#path = path;
    this.#files = files;
    this.#open = open;
  }

  /** The presence for an existing file; `undefined` if locks do not count or may not be taken. */
  static async of(path: string, open: OpenDatabase): Promise<SqlitePresence | undefined> {
    // a variable, so that a bundler for a platform without this module does not resolve it
    const name = "node:fs";
    try {
      const files: LockFiles = await import(name);
      if (!isPermitted(folderOf(path))) return undefined;
      // independent of symbolic links and of later changes of the working directory
      const whole = files.realpathSync(path);
      if (!isPermitted(folderOf(whole))) return undefined;
      if (!localTypes.has(files.statfsSync(folderOf(whole)).type >>> 0)) return undefined;
      return new SqlitePresence(whole, files, open);
    } catch {
      return undefined; // the platform has no file system, or does not allow reading it
    }
  }

  hold(instance: string): Promise<boolean> {
    try {
      const database = this.#open(this.#fileOf(instance), false);
      try {
        // Nothing is ever written to it; an in-memory journal avoids one more file.
        database.exec("PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE");
      } catch (error) {
        database.close();
        throw error;
      }
      this.#held.set(instance, database);
      return Promise.resolve(true);
    } catch {
      return Promise.resolve(false);
    }
  }

  gone(instances: readonly string[]): Promise<ReadonlySet<string>> {
    return Promise.resolve(new Set(instances.filter((instance) => this.#isGone(instance))));
  }

  release(instance: string): Promise<void> {
    this.#held.get(instance)?.close();
    this.#held.delete(instance);
    try {
      this.#files.unlinkSync(this.#fileOf(instance));
    } catch {
      // it never existed, or another process has removed it
    }
    return Promise.resolve();
  }

  retain(instances: ReadonlySet<string>): Promise<void> {
    const prefix = this.#path.slice(this.#path.lastIndexOf("/") + 1) + middle;
    let names: string[] = [];
    try {
      names = this.#files.readdirSync(folderOf(this.#path)).filter((name) => name.startsWith(prefix));
    } catch {
      // retried when the next instance starts
    }
    for (const name of names) {
      const instance = name.slice(prefix.length);
      if (!instances.has(instance) && this.#isGone(instance)) void this.release(instance);
    }
    return Promise.resolve();
  }

  /** Releases its locks, as the end of the process does. */
  close(): void {
    for (const database of this.#held.values()) database.close();
    this.#held.clear();
  }

  #isGone(instance: string): boolean {
    try {
      const database = this.#open(this.#fileOf(instance), true); // fails if the file does not exist
      try {
        database.exec("PRAGMA busy_timeout = 0; SELECT count(*) FROM sqlite_master");
        return true;
      } finally {
        database.close();
      }
    } catch {
      return false; // the lock is held, or the state is unknown
    }
  }

  #fileOf(instance: string): string {
    return this.#path + middle + instance;
  }
}

function isPermitted(folder: string): boolean {
  if (typeof Deno === "undefined") return true;
  const needed = [
    { name: "read", path: folder },
    { name: "write", path: folder },
    { name: "sys", kind: "statfs" },
  ] as const;
  return needed.every((name) => Deno!.permissions.querySync(name).state === "granted");
}
