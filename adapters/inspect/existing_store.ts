import { systemClock } from "../../runtime/base/clock.ts";
import { StoreError } from "../../runtime/base/store_errors.ts";
import type { Store } from "../../runtime/ports/store.ts";
import { pathOf, readOnlyFileOf, storeOf } from "../store_of.ts";

/** Tables of a store. Another program may have one named like the first, but hardly both. */
const tablesOfStore =
  "SELECT name FROM sqlite_master WHERE type = 'table' AND name IN ('posthorn', 'posthorn_versions')";

/** The functions used of Node. */
interface Files {
  existsSync(path: string): boolean;
  statSync(path: string): { readonly mode: number; readonly uid: number };
}
interface Process {
  readonly getuid?: () => number;
}

/**
 * The store of a name, which must be there: a look must not create one, nor tables in the database of somebody else. A file of
 * SQLite that is only asked (`readOnly`) need not be writable.
 */
export async function existingStore(name: string, readOnly: boolean): Promise<Store> {
  const store = await storeOf(name, { migrate: false });
  const isSqlite = store.traits.name === "sqlite";
  const path = isSqlite ? pathOf(name) : /^(?:deno-kv:)?(.+)$/.exec(name)![1];
  const isFile = isSqlite || (store.traits.name.startsWith("Deno KV, file") && name !== "deno-kv:");
  if (!isFile) return store;
  const ofFiles = "node:fs"; // not every consumer has the types of Node
  const files: Files = await import(ofFiles);
  if (!files.existsSync(path)) throw new RangeError(`Cannot inspect ${path}: there is no such file`);
  if (!isSqlite) return store;
  const file = await readOnlyFileOf(path);
  const isStore = await file.ask(
    systemClock(),
    (database) => database.prepare(tablesOfStore).all().length === 2,
  );
  if (!isStore) throw new RangeError(`Cannot inspect ${path}: no system has used it as its store`);
  if (readOnly) return file.asked(store);
  await requireWritable(path, files);
  return store;
}

/**
 * Throws if the user cannot write to a file, before SQLite tries: it would leave a log of this user beside it, with which the
 * system cannot open its file. The bits of a group are not compared with the groups of the user, which not every platform tells.
 */
async function requireWritable(path: string, files: Files): Promise<void> {
  const ofProcess = "node:process";
  const { getuid }: Process = await import(ofProcess);
  const user = getuid?.();
  const { mode, uid } = files.statSync(path);
  const writers = user === uid ? 0o222 : 0o022;
  if (user === undefined || user === 0 || (mode & writers) !== 0) return;
  const remedy = "run the command as the user of the system. Questions need no such permission";
  const message = `Cannot change ${path}: this user may not write to it: ${remedy}`;
  throw new StoreError("store-unavailable", message);
}
