import type { Clock } from "../base/clock.ts";
import { messageOf } from "../base/errors.ts";
import { StoreError } from "../base/store_errors.ts";

/**
 * The minimum interval between two checks of the files, in milliseconds. A check takes 7 µs for each of two
 * files.
 */
const lookEachMs = 10;

/**
 * The functions used of `node:fs` and `node:path`. Declared here, because not every consumer has the types of
 * Node.
 */
interface Files {
  statSync(path: string, options: { bigint: true }): {
    readonly dev: bigint;
    readonly ino: bigint;
    isDirectory(): boolean;
  };
  realpathSync(path: string): string;
}
interface Paths {
  resolve(path: string): string;
}

/**
 * The identity of the file of an open SQLite database and of its write-ahead log. If a file is moved,
 * replaced or removed while it is open, SQLite continues to write to a file without a name, which no other
 * process will ever open.
 *
 * A file that the process may not read is not checked. Files are identified by device and inode, so a file
 * that is overwritten in place goes undetected; on a platform without inodes only a missing file is detected.
 */
export class StoreFile {
  readonly #files: Files;
  readonly #path: string;
  readonly #clock: Clock;
  /** The identity of each path when the database was opened. */
  readonly #opened: ReadonlyMap<string, string>;
  #lookedMs: number;
  #failure: StoreError | undefined;

  private constructor(files: Files, paths: readonly string[], clock: Clock) {
    this.#files = files;
    this.#path = paths[0];
    this.#clock = clock;
    this.#lookedMs = clock.monotonicMs();
    const opened = new Map<string, string>();
    for (const path of paths) {
      if (!mayLook(path)) continue;
      const name = nameOf(files, path);
      if (name !== undefined && name !== gone) opened.set(path, name);
    }
    this.#opened = opened;
  }

  /**
   * The file of an open database; `undefined` if the platform has no files or does not allow checking them.
   */
  static async of(path: string, clock: Clock): Promise<StoreFile | undefined> {
    // The names are variables, so that a bundler for a platform without these modules does not resolve them.
    const [fs, paths] = ["node:fs", "node:path"];
    try {
      const files: Files = await import(fs);
      const { resolve }: Paths = await import(paths);
      const whole = resolve(path); // the process may change its folder
      return new StoreFile(files, [whole, `${files.realpathSync(whole)}-wal`], clock);
    } catch {
      return undefined; // the platform has no file system, or does not allow reading it
    }
  }

  /**
   * Throws a `StoreError` if a file was moved, replaced or removed. Checks the files at most once in 10 ms.
   */
  require(): void {
    const nowMs = this.#clock.monotonicMs();
    if (nowMs - this.#lookedMs >= lookEachMs) {
      this.#lookedMs = nowMs;
      this.#failure = this.#look();
    }
    if (this.#failure !== undefined) throw this.#failure;
  }

  #look(): StoreError | undefined {
    for (const [path, name] of this.#opened) {
      const now = nameOf(this.#files, path);
      if (now === name || now === undefined) continue;
      const what = now === gone ? "is no longer there" : "is another file";
      const remedy = "nothing is accepted until it is back, or the system is started again";
      const message = `Cannot use ${this.#path}: ${path} ${what} since it was opened: ${remedy}`;
      return new StoreError("store-unavailable", message);
    }
  }
}

/** Whether the path is known to be a directory. */
export async function isFolder(path: string): Promise<boolean> {
  const fs = "node:fs";
  try {
    const files: Files = await import(fs);
    return mayLook(path) && files.statSync(path, { bigint: true }).isDirectory();
  } catch {
    return false; // there is nothing, or the platform does not allow checking
  }
}

/**
 * Used to check permissions first: without a permission, reading a file would prompt at the terminal and
 * block.
 */
declare const Deno: {
  permissions: { querySync(name: { name: "read"; path: string }): { state: string } };
} | undefined;

function mayLook(path: string): boolean {
  return typeof Deno === "undefined" ||
    Deno.permissions.querySync({ name: "read", path }).state === "granted";
}

const gone = "gone";

/** The identity of a file; `undefined` if it cannot be determined. */
function nameOf(files: Files, path: string): string | undefined {
  try {
    const { dev, ino } = files.statSync(path, { bigint: true });
    return `${dev}:${ino}`;
  } catch (error) {
    return /ENOENT|ENOTDIR/.test(messageOf(error)) ? gone : undefined;
  }
}
