import { StoreError } from "../../runtime/base/store_errors.ts";
import type { Store } from "../../runtime/ports/store.ts";
import { existingStore, pathOf } from "../store_of.ts";

/** The functions used of Node. */
interface Files {
  statSync(path: string): { readonly mode: number; readonly uid: number };
}
interface Process {
  readonly getuid?: () => number;
}

/** A store that is there, to look at it. A file of SQLite that is only asked (`readOnly`) need not be writable. */
export async function storeToInspect(name: string, readOnly: boolean): Promise<Store> {
  const { store, file } = await existingStore("inspect", name);
  if (file === undefined) return store;
  if (readOnly) return file.asked(store);
  const ofFiles = "node:fs"; // not every consumer has the types of Node
  await requireWritable(pathOf(name), await import(ofFiles));
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
