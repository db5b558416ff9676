import { actor, protocol, System, tell, unchecked } from "@posthorn/posthorn";
import { memoryStore } from "@posthorn/posthorn/memory";
import { postgres } from "@posthorn/posthorn/postgres";
import { withDatabase } from "../../../tests/postgres/database.ts";
import type { Outcome } from "../../contender.ts";
import { watched } from "../watched_store.ts";

const schema = "rest";
const Cart = protocol("cart", { add: tell(unchecked<number>()) });
const cart = actor(Cart, { state: () => 0, on: { add: (ctx, count) => void (ctx.state += count) } });

/** What the server has read for this store: rows in tables and indexes, and pages. */
interface Reads {
  readonly rows: number;
  readonly pages: number;
}

/**
 * What a sweep makes the server read, without actors and beside very many that are at rest. The check is the number of
 * those.
 */
export async function rest(url: string, actors: number, sweeps: number): Promise<Outcome> {
  await sweep(url, 0); // makes the schema
  const alone = await readsOfSweeps(url, sweeps);
  const filled = await fill(url, actors);
  const startMs = performance.now();
  const beside = await readsOfSweeps(url, sweeps);
  const elapsedMs = performance.now() - startMs;
  const also = {
    rowsAlone: alone.rows,
    rowsBeside: beside.rows,
    pagesAlone: alone.pages,
    pagesBeside: beside.pages,
  };
  return { elapsedMs, check: filled, also };
}

/** The difference of one system that sweeps and one that does not: both open and stop. */
async function readsOfSweeps(url: string, sweeps: number): Promise<Reads> {
  const before = await readsOf(url);
  await sweep(url, 0);
  const without = await readsOf(url);
  await sweep(url, sweeps);
  const with_ = await readsOf(url);
  const of = (name: keyof Reads) => (with_[name] - without[name] - (without[name] - before[name])) / sweeps;
  return { rows: of("rows"), pages: of("pages") };
}

async function sweep(url: string, sweeps: number): Promise<void> {
  const system = new System({ actors: [cart], store: postgres(url, { schema }) });
  await system.ready();
  for (let done = 0; done < sweeps; done++) await system.sweep();
  await system.stop({ drainMs: 0 });
}

/** Counted by the server when a session ends. */
async function readsOf(url: string): Promise<Reads> {
  return await withDatabase(url, async (client) => {
    const others = "SELECT count(*)::int AS count FROM pg_stat_activity WHERE datname = current_database()";
    while ((await client.query(others)).rows[0].count !== 1) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    const { rows: [row] } = await client.query(
      `SELECT (SELECT sum(seq_tup_read + coalesce(idx_tup_fetch, 0)) FROM pg_stat_user_tables)::int +
         (SELECT sum(idx_tup_read) FROM pg_stat_user_indexes)::int AS rows,
       (SELECT sum(heap_blks_hit + heap_blks_read + coalesce(idx_blks_hit + idx_blks_read, 0))
         FROM pg_statio_user_tables)::int AS pages`,
    );
    return row as unknown as Reads;
  });
}

/** Writes the records of actors as the runtime would have. */
async function fill(url: string, actors: number): Promise<number> {
  let record: { readonly key: string; readonly value: Uint8Array } | undefined;
  const store = watched(memoryStore(), {
    committed(parts) {
      record ??= parts.flatMap(({ writes }) => writes).find(({ key }) => key.startsWith("actor\u001f"));
    },
  });
  const system = new System({ actors: [cart], store });
  await system.ref(Cart, "0").tell(Cart.add, 1);
  await system.stop();
  const { key, value } = record!;
  return await withDatabase(url, async (client) => {
    await client.query(
      `INSERT INTO "${schema}".entries SELECT $1 || i, $2, 1, NULL FROM generate_series(1, $3::int) i`,
      [key.slice(0, key.lastIndexOf("\u001f") + 1), value, actors],
    );
    await client.query("VACUUM ANALYZE"); // else the server does so in the midst of the measurement
    const { rows } = await client.query(
      `SELECT count(*)::int AS count FROM "${schema}".entries WHERE key LIKE 'actor%'`,
    );
    return rows[0].count as number;
  });
}
