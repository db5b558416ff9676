import pg from "pg";
import { postgres } from "@posthorn/posthorn/postgres";
import type { AtomicPart } from "@posthorn/posthorn/store";
import type { Outcome } from "../../contender.ts";
import { turns } from "../turns.ts";
import { Recording } from "../watched_store.ts";
import { processorOf } from "./processor.ts";

interface Client {
  connect(): Promise<void>;
  query(query: string | object): Promise<{ readonly rowCount: number | null }>;
  end(): Promise<void>;
}

/** One commit as rows of a table. */
interface Rows {
  readonly keys: readonly string[];
  readonly values: readonly Uint8Array[];
  readonly removed: readonly string[];
}

/**
 * The same rows without a runtime: what Posthorn has committed on the same server is written into a table with the same
 * keys and values in the same groups, each a transaction with one statement that writes and one that removes. Both are
 * prepared and take arrays, as `pg` makes them. Nothing is checked.
 */
export async function bare(
  url: string,
  server: number,
  size: { readonly actors: number; readonly count: number; readonly stored?: boolean },
): Promise<Outcome> {
  const recording = new Recording();
  await turns(postgres(url, { schema: "recorded" }), recording, size);
  const { Client } = pg as unknown as { readonly Client: new (url: string) => Client };
  const client = new Client(url);
  await client.connect();
  await client.query(
    'CREATE TABLE bare (key text COLLATE "C" PRIMARY KEY, value bytea NOT NULL) WITH (fillfactor = 70)',
  );
  const write = async ({ keys, values, removed }: Rows) => {
    await client.query("BEGIN");
    if (keys.length > 0) {
      await client.query({
        name: "write",
        text: "INSERT INTO bare SELECT * FROM unnest($1::text[], $2::bytea[]) " +
          "ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        values: [keys, values],
      });
    }
    let count = 0;
    if (removed.length > 0) {
      const text = "DELETE FROM bare WHERE key = ANY($1::text[])";
      count = (await client.query({ name: "remove", text, values: [removed] })).rowCount!;
    }
    await client.query("COMMIT");
    return count;
  };
  for (const rows of recording.before.map(rowsOf)) await write(rows);
  const groups = recording.recorded.map(rowsOf);
  const expected = groups.reduce((sum, { removed }) => sum + removed.length, 0);
  const end = processorOf(server);
  const startMs = performance.now();
  let removed = 0;
  for (const rows of groups) removed += await write(rows);
  const elapsedMs = performance.now() - startMs;
  const also = { ...end(recording.turns), commits: groups.length };
  await client.end();
  return { elapsedMs, check: removed === expected ? recording.turns : NaN, also };
}

/** What is in a table after a commit: a statement writes a key once. */
function rowsOf(parts: readonly AtomicPart[]): Rows {
  const written = new Map<string, Uint8Array>();
  const removed = new Set<string>();
  for (const { writes, removals } of parts) {
    for (const { key, value } of writes) {
      written.set(key, value);
      removed.delete(key);
    }
    for (const { key } of removals) {
      removed.add(key);
      written.delete(key);
    }
  }
  return { keys: [...written.keys()], values: [...written.values()], removed: [...removed] };
}
