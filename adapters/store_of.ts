import { systemClock } from "../runtime/base/clock.ts";
import type { Store } from "../runtime/ports/store.ts";

/** Tables of a store. Another program may have one named like the first, but hardly both. */
const tablesOfStore =
  "SELECT name FROM sqlite_master WHERE type = 'table' AND name IN ('posthorn', 'posthorn_versions')";

/** How stores are named, for the help of commands. A path that ends with `.kv` is none of SQLite, unless it says so. */
export const storeNames = "postgres://… (?schema=NAME); https://…, deno-kv:PATH or PATH.kv for Deno KV;\n" +
  "             or the path of a file of SQLite, also as sqlite:PATH";

/**
 * The store of a name: `postgres://…` (with `?schema=NAME` for a schema), `https://…` or `deno-kv:…` for Deno KV, or the
 * path of a file of SQLite (`sqlite:` may stand before it); a path that ends with `.kv` is one of Deno KV. `migrate` says whether
 * PostgreSQL creates what is missing. Throws a `RangeError` for another kind of URL, or a schema that is
 * not encoded.
 */
export async function storeOf(
  name: string,
  { migrate = true }: { readonly migrate?: boolean } = {},
): Promise<Store> {
  if (/^postgres(ql)?:/i.test(name)) return await postgresOf(name, migrate);
  const kv = /^deno-kv:/.test(name) ? name.slice("deno-kv:".length) : name;
  const path = pathOf(name);
  if (kv !== name || /^https?:/.test(name) || (path === name && name.endsWith(".kv"))) {
    const { denoKv } = await import("./stores/deno_kv/mod.ts");
    return kv === "" ? denoKv() : denoKv(kv);
  }
  if (path === name && /^[a-z][a-z0-9+.-]+:/i.test(name)) {
    const known = "postgres://…, https://…, deno-kv:PATH, or the path of a file (PATH.kv is one of Deno KV)";
    throw new RangeError(`Cannot use the store ${name.split(":")[0]}:…: a store is ${known}`);
  }
  const { sqlite } = await import("./stores/sqlite/sqlite.ts");
  return sqlite(path);
}

/** The path in the name of a file of SQLite. */
export function pathOf(name: string): string {
  return name.replace(/^sqlite:/, "");
}

/** The file of SQLite of a name, to be read only. */
export async function readOnlyFileOf(name: string) {
  const { ReadOnlyFile } = await import("./stores/sqlite/read_only.ts");
  return await ReadOnlyFile.of(pathOf(name));
}

/** A store that is there, and the file of one of SQLite. */
export interface ExistingStore {
  readonly store: Store;
  readonly file: Awaited<ReturnType<typeof readOnlyFileOf>> | undefined;
}

/**
 * The store of a name, which must be there: to read one must not create one, nor tables in the database of somebody else.
 * `verb` is what it is read for.
 */
export async function existingStore(verb: string, name: string): Promise<ExistingStore> {
  const store = await storeOf(name, { migrate: false });
  const isSqlite = store.traits.name === "sqlite";
  const path = isSqlite ? pathOf(name) : /^(?:deno-kv:)?(.+)$/.exec(name)![1];
  const isFile = isSqlite || (store.traits.name.startsWith("Deno KV, file") && name !== "deno-kv:");
  if (!isFile) return { store, file: undefined };
  const ofFiles = "node:fs"; // not every consumer has the types of Node
  const files = await import(ofFiles) as { existsSync(path: string): boolean };
  if (!files.existsSync(path)) throw new RangeError(`Cannot ${verb} ${path}: there is no such file`);
  if (!isSqlite) return { store, file: undefined };
  const file = await readOnlyFileOf(path);
  const isStore = await file.ask(
    systemClock(),
    (database) => database.prepare(tablesOfStore).all().length === 2,
  );
  if (!isStore) throw new RangeError(`Cannot ${verb} ${path}: no system has used it as its store`);
  return { store, file };
}

async function postgresOf(name: string, migrate: boolean): Promise<Store> {
  const { postgres } = await import("./stores/postgres/mod.ts");
  const [, before, schema, after] = /^([^?]*\?(?:[^#]*&)?)schema=([^&#]*)&?(.*)$/.exec(name) ?? [];
  if (schema === undefined) return postgres(name, { migrate });
  return postgres((before + after).replace(/[?&]$/, ""), { schema: schemaOf(schema), migrate });
}

function schemaOf(parameter: string): string {
  try {
    return decodeURIComponent(parameter);
  } catch {
    throw new RangeError("Cannot use the store postgres:…: its schema is not encoded as a part of a URL is");
  }
}
