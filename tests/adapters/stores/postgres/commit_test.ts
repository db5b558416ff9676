// How a commit reaches PostgreSQL.

import assert from "node:assert/strict";
import fc from "fast-check";
import pg from "pg";
import { actor, ask, protocol, StoreError, System, systemClock, tell, unchecked } from "@posthorn/posthorn";
import { postgres, type PostgresClient, type PostgresPool } from "@posthorn/posthorn/postgres";
import type { AtomicPart } from "@posthorn/posthorn/store";
import {
  bigintArray,
  byteaArray,
  intArray,
  textArray,
} from "../../../../adapters/stores/postgres/binary_arrays.ts";
import { withDatabase } from "../../../postgres/database.ts";
import { postgresTest } from "../../../postgres/given.ts";

const clock = systemClock();
const bytes = (text: string) => new TextEncoder().encode(text);
const part = (given: Partial<AtomicPart>): AtomicPart => ({ checks: [], writes: [], removals: [], ...given });

interface TypeParsers {
  getTypeParser(type: number, format?: string): (text: string) => unknown;
}
type Pool = PostgresPool & { end(): Promise<void> };
const { Pool, types } = pg as unknown as {
  readonly Pool: new (options: object) => Pool;
  readonly types: TypeParsers;
};

/** A pool that knows the statements that were run, by their first words. */
function listed(url: string): { readonly pool: Pool; readonly statements: string[] } {
  const pool = new Pool({ connectionString: url });
  const statements: string[] = [];
  const connect = pool.connect.bind(pool);
  const known = new WeakSet<PostgresClient>();
  pool.connect = async () => {
    const client = await connect();
    if (known.has(client)) return client;
    known.add(client);
    const query = client.query.bind(client);
    client.query = (given) => {
      statements.push(given.text.replace(/"\w+"\./, "").split("(")[0]);
      return query(given);
    };
    return client;
  };
  return { pool, statements };
}

postgresTest(
  "postgres: a commit is one statement, and a second one if a part of it does not hold",
  async ({ url, schema }) => {
    const { pool, statements } = listed(url);
    const connection = await postgres(pool, { schema, watch: "poll" }).open({ clock });
    const commit = async (...parts: AtomicPart[]) => {
      statements.length = 0;
      const versions = await connection.commit(parts);
      return {
        versions,
        statements: statements.filter((text) => text !== "SELECT CASE WHEN is_called THEN last_value"),
      };
    };
    const value = bytes("x");
    const first = await commit(
      part({ writes: [{ key: "a", value }] }),
      part({ checks: [{ key: "b", version: undefined }], writes: [{ key: "b", value }] }),
      part({ checks: [{ key: "c", version: undefined }] }),
    );
    assert.deepEqual(first.statements, ["SELECT commit"]);
    const [version] = first.versions;
    const checks = [{ key: "a", version }];
    const second = await commit(
      part({ checks, writes: [{ key: "a", value: bytes("y") }], removals: [{ key: "b" }] }),
      part({ checks: [{ key: "b", version: "1" }], writes: [{ key: "d", value }] }),
    );
    assert.deepEqual(second.statements, ["SELECT commit", "SELECT commit_some"]);
    assert.deepEqual(second.versions.map((version) => version !== undefined), [true, false]);
    assert.deepEqual((await connection.list({ prefix: "", limit: 9 })).map(({ key }) => key), ["a"]);
    await connection.close();
    await pool.end();
  },
);

postgresTest(
  "postgres: a lone message to an actor that is loaded is one statement, with its turn",
  async ({ url, schema }) => {
    const Cart = protocol("cart", { add: tell(unchecked<number>()), total: ask(unchecked<number>()) });
    const cart = actor(Cart, {
      state: () => 0,
      on: { add: (ctx, count) => void (ctx.state += count), total: (ctx) => ctx.state },
    });
    const { pool, statements } = listed(url);
    const system = new System({ actors: [cart], store: postgres(pool, { schema }) });
    const ref = system.ref(Cart, "a");
    assert.equal(await ref.ask(Cart.total), 0); // it is loaded
    statements.length = 0;
    for (let count = 0; count < 10; count++) await ref.tell(Cart.add, 1);
    const times = new Map<string, number>();
    for (const text of statements) times.set(text, (times.get(text) ?? 0) + 1);
    const commits = times.get("SELECT commit") ?? 0;
    assert(commits >= 10 && commits <= 11, `${commits} commits`); // the instance may say in the meantime that it lives
    times.delete("SELECT commit");
    // it looks for mail, and for what has expired, but not with each message
    for (const [text, count] of times) assert(count < 5, `${text}: ${count} times`);
    assert.equal(await ref.ask(Cart.total), 10);
    await system.stop();
    await pool.end();
  },
);

postgresTest(
  "postgres: a pool whose user has numbers for bigint does not make versions shorter",
  async ({ url, schema }) => {
    const asNumbers: TypeParsers = {
      getTypeParser: (type, format) => type === 20 ? Number : types.getTypeParser(type, format),
    };
    const pool = new Pool({ connectionString: url, types: asNumbers });
    const connection = await postgres(pool, { schema }).open({ clock });
    const [version] = await connection.commit([part({ writes: [{ key: "a", value: bytes("x") }] })]);
    assert.equal((await connection.read(["a"]))[0]?.version, version);
    assert.equal((await connection.list({ prefix: "a", limit: 1 }))[0].version, version);
    await connection.close();
    await pool.end();
  },
);

postgresTest("postgres: arrays of anything arrive as they are", async ({ url }) => {
  const text = fc.string({ unit: "binary" }).map((text) => text.replaceAll("\0", "0"));
  const max = 2n ** 63n - 1n;
  await withDatabase(url, (client) =>
    fc.assert(
      fc.asyncProperty(
        fc.array(text),
        fc.array(fc.uint8Array()),
        fc.array(fc.option(fc.bigInt({ min: -max, max }), { nil: undefined })),
        fc.array(fc.integer()),
        async (texts, values, bigints, ints) => {
          const { rows: [row] } = await client.query(
            "SELECT $1::text[] AS texts, $2::bytea[] AS values, $3::bigint[]::text[] AS bigints, $4::int[] AS ints",
            [textArray(texts), byteaArray(values), bigintArray(bigints), intArray(ints)],
          );
          assert.deepEqual(row.texts, texts);
          assert.deepEqual((row.values as Uint8Array[]).map((value) => new Uint8Array(value)), values);
          assert.deepEqual(row.bigints, bigints.map((value) => value === undefined ? null : String(value)));
          assert.deepEqual(row.ints, ints);
        },
      ),
      { numRuns: 20, seed: 15 },
    ));
});

postgresTest(
  "postgres: a part that waits for longer than a statement may take holds up no other one",
  async ({ url, schema }) => {
    const limited = `${url}?statement_timeout=300`;
    const connection = await postgres(limited, { schema }).open({ clock });
    const write = (key: string) => part({ writes: [{ key, value: bytes(key) }] });
    await withDatabase(url, async (client) => {
      await connection.commit([write("held"), write("free")]);
      await client.query("BEGIN");
      await client.query(`SELECT FROM "${schema}".entries WHERE key = 'held' FOR UPDATE`);
      const divided = (error: unknown) => !(error instanceof StoreError); // then the parts come one by one
      await assert.rejects(connection.commit([write("held"), write("free")]), divided);
      await assert.rejects(connection.commit([write("held")]), { code: "store-unavailable" });
      assert.equal((await connection.commit([write("free")])).length, 1);
      await client.query("ROLLBACK");
    });
    await connection.close();
  },
);
