import type { Store } from "@posthorn/posthorn";
import { postgres } from "@posthorn/posthorn/postgres";
import { sqlite } from "@posthorn/posthorn/sqlite";
import pg from "pg";

/** Whether a store is in PostgreSQL. */
export function isPostgres(store: string): boolean {
  return /^postgres(ql)?:\/\//.test(store);
}

/** The store of the option `--store`: `postgres://…`, where `?schema=NAME` says in which schema, or a file of SQLite. */
export function storeAt(store: string): Store {
  if (!isPostgres(store)) return sqlite(store);
  const { url, schema } = partsOf(store);
  return postgres(url, schema === undefined ? {} : { schema });
}

/** The same store with a schema of PostgreSQL. */
export function inSchema(store: string, schema: string): string {
  const url = new URL(store);
  url.searchParams.set("schema", schema);
  return url.href;
}

/** Removes a schema that {@linkcode inSchema} named, with all that is in it. */
export async function dropSchema(store: string): Promise<void> {
  const { url, schema } = partsOf(store);
  const client = new pg.Client({ connectionString: url });
  client.on("error", () => {}); // a query that is under way says the same
  await client.connect();
  try {
    await client.query(`DROP SCHEMA IF EXISTS "${schema}" CASCADE`);
  } finally {
    await client.end();
  }
}

/** The store as it may be shown. */
export function withoutPassword(store: string): string {
  if (!isPostgres(store)) return store;
  const url = new URL(store);
  if (url.password !== "") url.password = "…";
  return decodeURI(url.href);
}

function partsOf(store: string): { readonly url: string; readonly schema: string | undefined } {
  const url = new URL(store);
  const schema = url.searchParams.get("schema") ?? undefined;
  url.searchParams.delete("schema");
  return { url: url.href, schema };
}
