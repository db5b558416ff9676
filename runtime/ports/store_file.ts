import type { Clock } from "../base/clock.ts";
import { messageOf } from "../base/errors.ts";
import { StoreError } from "../base/store_errors.ts";

/** How often it is looked at while it is used: 7 µs each time, for each of two files. */
const lookEachMs = 10;

/** What is used of `node:fs` and `node:path`, whose types not everybody has. */
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
 * The file of an open SQLite database and its log, as they were when it was opened. Where they have been moved, replaced
 * or removed since, SQLite goes on writing to what has no name any more: nobody else will ever see it.
 *
 * Where the process may read the one and not the other, the other is not looked at. It is looked for by device and
 * inode, so what is written over in place is not noticed, nor anything where the platform has no inodes but that it is
 * gone.
 */
export class StoreFile {
  readonly #files: Files;
  readonly #path: string;
  readonly #clock: Clock;
  /** What each path was. */
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

  /** The file of an open database; nothing where the platform has no files, or does not let them be looked at. */
  static async of(path: string, clock: Clock): Promise<StoreFile | undefined> {
    // Not where a bundler for a platform without them would look for them.
    const [fs, paths] = ["node:fs", "node:path"];
    try {
      const files: Files = await import(fs);
      const { resolve }: Paths = await import(paths);
      const whole = resolve(path); // the process may change its folder
      return new StoreFile(files, [whole, `${files.realpathSync(whole)}-wal`], clock);
    } catch {
      return undefined; // a platform without file systems, or one that does not tell
    }
  }

  /** Throws where it is no longer there; looks at it now and then. */
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

/** Whether a folder has that name, as far as is known. */
export async function isFolder(path: string): Promise<boolean> {
  const fs = "node:fs";
  try {
    const files: Files = await import(fs);
    return mayLook(path) && files.statSync(path, { bigint: true }).isDirectory();
  } catch {
    return false; // nothing is there, or the platform does not tell
  }
}

/** What of Deno is used here: to look without its permission asks whoever sits at the terminal, and waits for him. */
declare const Deno: {
  permissions: { querySync(name: { name: "read"; path: string }): { state: string } };
} | undefined;

function mayLook(path: string): boolean {
  return typeof Deno === "undefined" ||
    Deno.permissions.querySync({ name: "read", path }).state === "granted";
}

const gone = "gone";

/** What tells a file from all others; `undefined` where that is not known. */
function nameOf(files: Files, path: string): string | undefined {
  try {
    const { dev, ino } = files.statSync(path, { bigint: true });
    return `${dev}:${ino}`;
  } catch (error) {
    return /ENOENT|ENOTDIR/.test(messageOf(error)) ? gone : undefined;
  }
}
