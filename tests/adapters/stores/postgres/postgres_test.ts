import assert from "node:assert/strict";
import { inspect } from "node:util";
import fc from "fast-check";
import pg from "pg";
import { StoreError, systemClock } from "@posthorn/posthorn";
import { memoryStore } from "@posthorn/posthorn/memory";
import { postgres, postgresMigration, type PostgresOptions } from "@posthorn/posthorn/postgres";
import type { AtomicPart, StoreConnection } from "@posthorn/posthorn/store";
import { seededRandom, VirtualClock } from "@posthorn/posthorn/testing";
import { CountedPool } from "../../../postgres/counted_pool.ts";
import { withDatabase } from "../../../postgres/database.ts";
import { postgresTest } from "../../../postgres/given.ts";
import { Order } from "./shop.ts";

const clock = systemClock();
const bytes = (text: string) => new TextEncoder().encode(text);
const part = (given: Partial<AtomicPart>): AtomicPart => ({ checks: [], writes: [], removals: [], ...given });
const put = (key: string, text = key) => part({ writes: [{ key, value: bytes(text) }] });

async function contents(connection: StoreConnection): Promise<string[]> {
  const entries = await connection.list({ prefix: "", limit: 1_000 });
  return entries.map(({ key, value }) => `${key}: ${new TextDecoder().decode(value)}`);
}

async function refusalOf(url: string, options: PostgresOptions): Promise<string> {
  const refusal = await postgres(url, options).open({ clock }).then(() => undefined, (error) => error);
  assert(refusal instanceof StoreError, "it does not open");
  assert.equal(refusal.code, "store-unavailable");
  return refusal.message;
}

Deno.test("postgres: options and targets out of their bounds are refused", () => {
  const url = "postgres://localhost/app";
  for (const schema of ["", "Upper", "1st", 'quo"te', "pg_own", "x".repeat(41)]) {
    assert.throws(() => postgres(url, { schema }), /Cannot use schema of postgres: .* current value is "/);
    assert.throws(() => postgresMigration({ schema }), RangeError);
  }
  for (const schema of [null, 5, ["own"]] as unknown as string[]) {
    assert.throws(() => postgres(url, { schema }), { name: "RangeError", message: /^Cannot use schema of / });
  }
  assert.throws(() => postgres(url, { watch: "notify" as "listen" }), /must be "listen" or "poll"/);
  assert.throws(() => postgres(url, { migrate: "no" as unknown as boolean }), /must be true or false/);
  assert.throws(() => postgres(url, { shcema: "x" } as PostgresOptions), /did you mean schema/i);
  assert.throws(() => postgres("mysql://root:secret@localhost"), (error: Error) => {
    return error instanceof TypeError && !error.message.includes("secret");
  });
  const pool = new pg.Pool({ connectionString: url, max: 1 });
  assert.throws(() => postgres(pool), /it needs 2 connections or more: current value of max is 1/);
  postgres(pool, { watch: "poll" });
  for (const target of [undefined, null, {}, 5]) assert.throws(() => postgres(target as never), TypeError);
});

Deno.test("postgres: a URL that cannot be read is told without its password", async () => {
  for (const password of ["s3cr/et", "s3cr#et", "s3cr?et", "s3cr%2Fet", "s3cret"]) {
    const port = password === "s3cret" || password.includes("%") ? "none" : "1";
    const url = `postgres://me:${password}@127.0.0.1:${port}/app`;
    const error = await Promise.resolve(postgres(url).open({ clock })).catch((error) => error);
    assert(error instanceof StoreError);
    assert.equal(error.code, "store-unavailable");
    assert.match(error.message, /its URL cannot be read: .* %2F/);
    assert(!inspect(error, { depth: 9, showHidden: true }).includes("s3cr"), "its cause has none either");
  }
});

postgresTest("postgres: a server that is not there is store-unavailable, without its password", async () => {
  const message = await refusalOf("postgres://me:secret@127.0.0.1:1/app", {});
  assert.match(message, /Cannot connect to PostgreSQL: .*ECONNREFUSED/);
  assert(!message.includes("secret"));
});

postgresTest(
  "postgres: several that open an empty database at once create it once",
  async ({ url, schema }) => {
    const store = postgres(url, { schema });
    const connections = await Promise.all(Array.from({ length: 6 }, () => store.open({ clock })));
    await connections[0].commit([put("k")]);
    assert.deepEqual(await contents(connections[5]), ["k: k"]);
    await Promise.all(connections.map((connection) => connection.close()));
  },
);

postgresTest(
  "postgres: also where each transaction sees what was there when it began",
  async ({ url, schema }) => {
    const role = `${schema}_role`;
    await withDatabase(url, async (client) => {
      await client.query(`CREATE ROLE ${role} LOGIN SUPERUSER`);
      try {
        await client.query(`ALTER ROLE ${role} SET default_transaction_isolation = serializable`);
        const store = postgres(url.replace("postgres@", `${role}@`), { schema });
        const connections = await Promise.all(Array.from({ length: 6 }, () => store.open({ clock })));
        await connections[0].commit([put("k")]);
        await Promise.all(connections.map((connection) => connection.close()));
      } finally {
        await client.query(`DROP SCHEMA IF EXISTS "${schema}" CASCADE`);
        await client.query(`DROP ROLE ${role}`);
      }
    });
  },
);

postgresTest(
  "postgres: with migrate false a database without the schema is refused with the command",
  async (given) => {
    const { url, schema } = given;
    const message = await refusalOf(url, { schema, migrate: false });
    assert.match(
      message,
      new RegExp(`schema "${schema}" is not there.*postgresMigration\\(\\{ schema: "${schema}" }\\)`),
    );
    await withDatabase(url, (client) => client.query(postgresMigration({ schema })));
    const connection = await postgres(url, { schema, migrate: false }).open({ clock });
    await connection.commit([put("k")]);
    assert.deepEqual(await contents(connection), ["k: k"]);
    await connection.close();
    const again = await postgres(url, { schema }).open({ clock });
    assert.deepEqual(await contents(again), ["k: k"], "the same as what the program itself makes");
    await again.close();
  },
);

postgresTest(
  "postgres: the server compiles no plan of a function that finds rows",
  async ({ url, schema }) => {
    await withDatabase(url, async (client) => {
      await client.query(postgresMigration({ schema }));
      const { rows } = await client.query(
        "SELECT proname, 'jit=off' = ANY(proconfig) AS off FROM pg_proc " +
          `WHERE pronamespace = '"${schema}"'::regnamespace AND proname NOT IN ('announce', 'look') ORDER BY 1`,
      );
      const names = ["commit", "commit_some", "expire", "held", "list", "read", "send"];
      assert.deepEqual(rows, names.map((proname) => ({ proname, off: true })));
    });
  },
);

postgresTest("postgres: the schema of another version is refused", async ({ url, schema }) => {
  await (await postgres(url, { schema }).open({ clock })).close();
  for (const [version, why] of [[2, "a newer version of Posthorn"], [0, "does not know how it was made"]]) {
    await withDatabase(
      url,
      (client) =>
        client.query(
          `UPDATE "${schema}".migration SET version = ${version}; DROP TABLE IF EXISTS "${schema}".presence`,
        ),
    );
    assert.match(await refusalOf(url, { schema }), new RegExp(`has version ${version} of 1: .*${why}`));
  }
});

postgresTest(
  "postgres: a role may be without the right to create, and needs only what is granted",
  async (given) => {
    const { url, schema } = given;
    const role = `${schema}_role`;
    const asRole = url.replace("postgres@", `${role}@`);
    await withDatabase(url, async (client) => {
      await client.query(`CREATE ROLE ${role} LOGIN`);
      try {
        assert.match(
          await refusalOf(asRole, { schema }),
          /no right to create schema .* needs CREATE on the database/,
        );
        await client.query(postgresMigration({ schema }));
        await client.query(`REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA "${schema}" FROM PUBLIC`); // as hardened ones have it
        const grants = [...postgresMigration({ schema }).matchAll(/^-- (GRANT .*) TO role;$/gm)];
        for (const [, grant] of grants) {
          const refused = await refusalOf(asRole, { schema, migrate: false });
          assert.match(
            refused,
            /no right to use schema .*: GRANT USAGE ON SCHEMA .*; GRANT .* TABLES .*; GRANT .* SEQUENCES .*; GRANT .* FUNCTIONS/,
          );
          await client.query(`${grant} TO ${role}`);
        }
        const connection = await postgres(asRole, { schema }).open({ clock });
        await connection.commit([{ ...put("k"), rings: true }]);
        assert.deepEqual(await contents(connection), ["k: k"]);
        await withDatabase(asRole, async (own) => {
          await own.query("BEGIN");
          await postgres(asRole, { schema }).within(own).ref(Order, "ada").tell(Order.placed, "x", {
            id: "y",
          });
          await own.query("COMMIT");
        });
        await connection.close();
      } finally {
        await client.query(`DROP SCHEMA IF EXISTS "${schema}" CASCADE`);
        await client.query(`DROP ROLE ${role}`);
      }
    });
  },
);

postgresTest(
  "postgres: a pool of the user's own stays open, and two schemas share it",
  async ({ url, schema }) => {
    const pool = new CountedPool(url);
    const stores = [schema, `${schema}_b`].map((schema) => postgres(pool, { schema }));
    const connections = await Promise.all(stores.map((store) => store.open({ clock })));
    try {
      for (const [index, connection] of connections.entries()) await connection.commit([put(`k${index}`)]);
      assert.deepEqual(await Promise.all(connections.map(contents)), [["k0: k0"], ["k1: k1"]]);
      for (const connection of connections) await connection.close();
      (await pool.connect()).release();
    } finally {
      await pool.end();
      await withDatabase(url, (client) => client.query(`DROP SCHEMA "${schema}_b" CASCADE`));
    }
  },
);

postgresTest(
  "postgres: a pool that outlives many stores has no listeners of theirs",
  async ({ url, schema }) => {
    const pool = new pg.Pool({ connectionString: url, max: 3 });
    const store = postgres(pool, { schema });
    const listeners = async () => {
      const client = await pool.connect();
      client.release();
      const emitters = [pool, client];
      return emitters.flatMap((emitter) =>
        ["connect", "error", "end"].map((event) => emitter.listenerCount(event))
      );
    };
    const before = await listeners();
    for (let count = 0; count < 3; count++) await (await store.open({ clock })).close();
    assert.deepEqual(await listeners(), before);
    await pool.end();
  },
);

postgresTest("postgres: one that listens and one that polls notify each other", async ({ url, schema }) => {
  const kinds = ["poll", "listen"] as const;
  const connections = await Promise.all(
    kinds.map((watch) => postgres(url, { schema, watch }).open({ clock })),
  );
  for (const [index, connection] of connections.entries()) {
    let heard = 0;
    let hears = Promise.withResolvers<void>();
    using _watching = connection.watch(() => {
      heard++;
      hears.resolve();
    });
    await hears.promise; // from here on nothing is missed
    const before = heard;
    hears = Promise.withResolvers<void>();
    await connections[1 - index].commit([{ ...put("k"), rings: true }]);
    await hears.promise;
    assert(heard > before);
  }
  for (const connection of connections) await connection.close();
});

const keys = ["a", "b", "c", "d"];
const anyKey = fc.constantFrom(...keys);
/** Parts that only write or remove, and one shared check of a key that none of them touches. */
const anyParts = fc.array(
  fc.record({
    fence: fc.constantFrom("none", "nothing", "stale"),
    changes: fc.uniqueArray(fc.record({ key: anyKey, removes: fc.boolean() }), {
      selector: ({ key }) => key,
    }),
  }),
  { minLength: 1, maxLength: 6 },
);

postgresTest(
  "postgres: of several parts that write or remove a key the last that is applied counts",
  async (given) => {
    const { url, schema } = given;
    const connection = await postgres(url, { schema }).open({ clock });
    const model = await memoryStore().open({ clock });
    await fc.assert(
      fc.asyncProperty(anyParts, async (drawn) => {
        const parts = drawn.map(({ fence, changes }, index): AtomicPart => ({
          checks: fence === "none" ? [] : [{ key: "fence", version: fence === "nothing" ? undefined : "1" }],
          writes: changes.filter(({ removes }) => !removes).map(({ key }) => ({
            key,
            value: bytes(`${index}`),
          })),
          removals: changes.filter(({ removes }) => removes).map(({ key }) => ({ key })),
        }));
        const outcomes = await Promise.all([connection, model].map((one) => one.commit(parts)));
        const applied = outcomes.map((versions) => versions.map((version) => version !== undefined));
        assert.deepEqual(applied[0], applied[1]);
        assert.deepEqual(await contents(connection), await contents(model));
      }),
      { numRuns: 100, seed: 15 },
    );
    await connection.close();
    await model.close();
  },
);

postgresTest(
  "postgres: a check that nothing is there holds against who writes the key meanwhile",
  async (given) => {
    const { url, schema } = given;
    const connections = await Promise.all([1, 2].map(() => postgres(url, { schema }).open({ clock })));
    for (let round = 0; round < 40; round++) {
      // each writes its own key if the other one's is not there: both would be write skew
      const [a, b] = [`a${round}`, `b${round}`];
      const outcomes = await Promise.all(
        [[a, b], [b, a]].map(([own, other], index) =>
          connections[index].commit([
            part({ checks: [{ key: other, version: undefined }], writes: put(own).writes }),
          ])
        ),
      );
      const won = outcomes.filter(([version]) => version !== undefined).length;
      assert(won <= 1, `round ${round}: both were applied`);
    }
    await Promise.all(connections.map((connection) => connection.close()));
  },
);

postgresTest(
  "postgres: what it cannot keep is refused, and nothing of the commit is there",
  async (given) => {
    const { url, schema } = given;
    const connection = await postgres(url, { schema }).open({ clock });
    await assert.rejects(connection.commit([put("x"), put("nul\0")]), /TypeError|NUL/);
    const random = seededRandom(1); // what does not compress
    const long = Array.from(
      { length: 9_000 },
      () => String.fromCharCode(33 + Math.floor(random.next() * 90)),
    );
    await assert.rejects(
      connection.commit([put("x"), put(long.join(""))]),
      (error: { code?: string }) => error.code === "too-large",
    );
    assert.deepEqual(await contents(connection), []);
    await connection.close();
  },
);

postgresTest(
  "postgres: expired values are deleted in small steps, and along with writes",
  async ({ url, schema }) => {
    const pool = new CountedPool(url);
    const virtual = new VirtualClock();
    const connection = await postgres(pool, { schema, watch: "poll" }).open({ clock: virtual });
    const quiet = async () => {
      do await virtual.settle(); while (pool.isBusy);
    };
    const write = (name: string, count: number, expiresAtMs?: number) => {
      const value = bytes("x");
      const writes = Array.from(
        { length: count },
        (_, index) => ({ key: `${name}${index}`, value, expiresAtMs }),
      );
      return connection.commit([part({ writes })]);
    };
    await write("kept", 3);
    await write("later", 3, virtual.now() + 3_600_000);
    await write("soon", 900, virtual.now() + 1_000);
    await quiet();
    assert.equal((await connection.list({ prefix: "soon", limit: 1_000 })).length, 900);
    await virtual.advance(2_000);
    await write("other", 250, virtual.now() + 1_000);
    await quiet();
    assert.equal((await connection.list({ prefix: "soon", limit: 1_000 })).length, 400, "one step of 500");
    for (let step = 0; step < 70; step++) {
      await virtual.advance(1_000);
      await quiet();
    }
    const left = await connection.list({ prefix: "", limit: 1_000 });
    assert.deepEqual(left.map(({ key }) => key), ["kept0", "kept1", "kept2", "later0", "later1", "later2"]);
    await connection.close();
    await pool.end();
  },
);
