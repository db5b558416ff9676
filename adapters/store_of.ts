import type { Store } from "../runtime/ports/store.ts";

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
  if (/^postgres(ql)?:/.test(name)) return await postgresOf(name, migrate);
  const kv = /^deno-kv:/.test(name) ? name.slice("deno-kv:".length) : name;
  const path = pathOf(name);
  if (kv !== name || /^https?:/.test(name) || (path === name && name.endsWith(".kv"))) {
    const { denoKv } = await import("./stores/deno_kv/mod.ts");
    return kv === "" ? denoKv() : denoKv(kv);
  }
  if (path === name && /^[a-z][a-z0-9+.-]+:/.test(name)) {
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
