import type { StorePresence } from "../../../runtime/ports/store.ts";
import type { Database } from "./database.ts";

/** What is used of `node:fs`, whose types not everybody has. */
interface LockFiles {
  statfsSync(path: string): { readonly type: number };
  realpathSync(path: string): string;
  readdirSync(path: string): string[];
  unlinkSync(path: string): void;
}

/** Opens a file as a database of its own. */
type OpenDatabase = (path: string, readOnly: boolean) => Database;

/** What of Deno is asked here: what it permits, so that nobody is asked at the terminal. Other platforms have none. */
declare const Deno: {
  permissions: {
    querySync(
      name: { name: "read" | "write"; path: string } | { name: "sys"; kind: string },
    ): { state: string };
  };
} | undefined;

/**
 * File systems of Linux that one kernel alone writes to, by the numbers of `statfs`: ext4, XFS, Btrfs, F2FS, ZFS, tmpfs
 * and overlays of them. What comes over a network, or from the host of a virtual machine, has another number.
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

/** What the names of lock files have behind that of the database. */
const middle = "-alive-";

/**
 * The presence of those who use one SQLite file: each holds the lock of a small file of its own beside it. The operating
 * system lets go of it when the process ends, however it does, and refuses it to others until then.
 *
 * A lock says something to those alone who see the locks of one kernel. So it counts only where both, who holds it and
 * who asks, see the file on a file system that no other kernel writes to. Whatever else is found means "not known".
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

  /** The presence of those who use the file, which is there; nothing where locks do not count, or may not be taken. */
  static async of(path: string, open: OpenDatabase): Promise<SqlitePresence | undefined> {
    const name = "node:fs"; // not where a bundler for a platform without it would look for it
    try {
      const files: LockFiles = await import(name);
      if (!isPermitted(folderOf(path))) return undefined;
      const whole = files.realpathSync(path); // by whatever way they came to the file, and wherever the process goes
      if (!isPermitted(folderOf(whole))) return undefined;
      if (!localTypes.has(files.statfsSync(folderOf(whole)).type >>> 0)) return undefined;
      return new SqlitePresence(whole, files, open);
    } catch {
      return undefined; // a platform without file systems, or one that does not tell
    }
  }

  hold(instance: string): Promise<boolean> {
    try {
      const database = this.#open(this.#fileOf(instance), false);
      try {
        // The journal of what is never written stays in memory: else it would be one more file.
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

  isGone(instance: string): Promise<boolean> {
    try {
      const database = this.#open(this.#fileOf(instance), true); // fails where there is none
      try {
        database.exec("PRAGMA busy_timeout = 0; SELECT count(*) FROM sqlite_master");
        return Promise.resolve(true);
      } finally {
        database.close();
      }
    } catch {
      return Promise.resolve(false); // it is held, or nobody can tell
    }
  }

  release(instance: string): Promise<void> {
    this.#held.get(instance)?.close();
    this.#held.delete(instance);
    try {
      this.#files.unlinkSync(this.#fileOf(instance));
    } catch {
      // it was never there, or another has removed it
    }
    return Promise.resolve();
  }

  async retain(instances: ReadonlySet<string>): Promise<void> {
    const prefix = this.#path.slice(this.#path.lastIndexOf("/") + 1) + middle;
    let names: string[] = [];
    try {
      names = this.#files.readdirSync(folderOf(this.#path)).filter((name) => name.startsWith(prefix));
    } catch {
      // it is tried again when the next instance begins
    }
    for (const name of names) {
      const instance = name.slice(prefix.length);
      if (!instances.has(instance) && await this.isGone(instance)) await this.release(instance);
    }
  }

  /** Lets go of its locks, as the end of the process does. */
  close(): void {
    for (const database of this.#held.values()) database.close();
    this.#held.clear();
  }

  #fileOf(instance: string): string {
    return this.#path + middle + instance;
  }
}

function folderOf(path: string): string {
  const end = path.lastIndexOf("/");
  return end < 0 ? "." : path.slice(0, end + 1);
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
