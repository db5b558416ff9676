import { messageOf } from "../../runtime/base/errors.ts";
import { StoreError } from "../../runtime/base/store_errors.ts";
import type { Store } from "../../runtime/ports/store.ts";
import { pathOf, storeOf } from "../store_of.ts";

/** The functions used of `node:fs`. */
interface Files {
  existsSync(path: string): boolean;
}

/** The part of `node:sqlite` that is used. */
interface Sqlite {
  readonly DatabaseSync: new (path: string, options: { readonly readOnly: boolean }) => {
    prepare(sql: string): { get(): unknown };
    close(): void;
  };
}

/** The store of a name, which must be there: a look must not create one, nor tables in the database of somebody else. */
export async function existingStore(name: string): Promise<Store> {
  const store = await storeOf(name, { migrate: false });
  const isSqlite = store.traits.name === "sqlite";
  const path = isSqlite ? pathOf(name) : /^(?:deno-kv:)?(.+)$/.exec(name)![1];
  const isFile = isSqlite || (store.traits.name.startsWith("Deno KV, file") && name !== "deno-kv:");
  if (!isFile) return store;
  const ofFiles = "node:fs"; // not every consumer has the types of Node
  const { existsSync } = await import(ofFiles) as Files;
  if (!existsSync(path)) throw new RangeError(`Cannot inspect ${path}: there is no such file`);
  if (isSqlite) await requireTable(path);
  return store;
}

/** Throws unless a file is a database with the table of a store. */
async function requireTable(path: string): Promise<void> {
  const ofSqlite = "node:sqlite";
  const { DatabaseSync } = await import(ofSqlite) as Sqlite;
  let found: unknown;
  try {
    const database = new DatabaseSync(path, { readOnly: true });
    try {
      found = database.prepare("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'posthorn'")
        .get();
    } finally {
      database.close();
    }
  } catch (cause) {
    throw new StoreError("store-unavailable", `Cannot inspect ${path}: ${messageOf(cause)}`, { cause });
  }
  if (found === undefined) throw new RangeError(`Cannot inspect ${path}: no system has used it as its store`);
}
