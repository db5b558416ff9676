// Expired values do not accumulate, however much is written and whatever else is stored.

import assert from "node:assert/strict";
import { memoryStore } from "@posthorn/posthorn/memory";
import { sqlite } from "@posthorn/posthorn/sqlite";
import type { Store, StoreConnection } from "@posthorn/posthorn/store";
import { VirtualClock } from "@posthorn/posthorn/testing";

const lifeMs = 2_000;

function onEach(name: string, run: (store: Store, file: string | undefined) => Promise<void>): void {
  Deno.test(`memory: ${name}`, () => run(memoryStore(), undefined));
  Deno.test(`sqlite: ${name}`, async () => {
    const folder = await Deno.makeTempDir({ prefix: "posthorn-expiry-" });
    try {
      const path = `${folder}/posthorn.db`;
      await run(sqlite(path, { synchronous: "normal" }), path);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
}

/** Writes values with an expiry time in one commit. */
function write(connection: StoreConnection, name: string, count: number, expiresAtMs?: number) {
  const keys = Array.from({ length: count }, (_, index) => `${name}-${index}`);
  const writes = keys.map((key) => ({ key, value: new Uint8Array(1), expiresAtMs }));
  return connection.commit([{ checks: [], writes, removals: [] }]);
}

async function count(connection: StoreConnection, prefix = ""): Promise<number> {
  let found = 0;
  let after: string | undefined;
  for (;;) {
    const rows = await connection.list({ prefix, after, limit: 1_000 });
    found += rows.length;
    if (rows.length < 1_000) return found;
    after = rows.at(-1)!.key;
  }
}

onEach("expired values are deleted as fast as they come, from any number of connections", async (store) => {
  const clock = new VirtualClock();
  const connections = [await store.open({ clock }), await store.open({ clock }), await store.open({ clock })];
  let most = 0;
  for (let step = 0; step < 300; step++) {
    for (const [index, connection] of connections.entries()) {
      await write(connection, `${index}-${step}`, 50, clock.now() + lifeMs);
    }
    await clock.advance(100);
    if (step % 20 === 0) most = Math.max(most, await count(connections[0]));
  }
  // 3,000 are alive at a time; the expired ones not yet deleted are fewer than that.
  assert.ok(most < 6_000, `${most} rows of which 3,000 live`);
  for (const connection of connections) await connection.close();
});

onEach(
  "a value with a late expiry does not delay the deletion of later values with an earlier one",
  async (store) => {
    const clock = new VirtualClock();
    const connection = await store.open({ clock });
    await write(connection, "long", 1, clock.now() + 3_600_000);
    await write(connection, "for ever", 1);
    await write(connection, "never over", 1, Infinity);
    for (let step = 0; step < 200; step++) {
      await write(connection, `short-${step}`, 10, clock.now() + lifeMs);
      await clock.advance(100);
    }
    const left = await count(connection, "short");
    assert.ok(left < 600, `${left} rows of which 200 live`);
    for (const name of ["long", "for ever", "never over"]) assert.equal(await count(connection, name), 1);
    await connection.close();
  },
);

onEach("a value that was written again expires as its last write says", async (store) => {
  const clock = new VirtualClock();
  const connection = await store.open({ clock });
  await write(connection, "longer", 1, clock.now() + lifeMs);
  await write(connection, "longer", 1, clock.now() + 10 * lifeMs);
  await write(connection, "shorter", 1, clock.now() + 100 * lifeMs);
  await write(connection, "shorter", 1, clock.now() + lifeMs);
  await write(connection, "kept", 1, clock.now() + lifeMs);
  await write(connection, "kept", 1);
  await clock.advance(2 * lifeMs);
  await write(connection, "other", 40, clock.now() + lifeMs);
  const keys = (await connection.list({ prefix: "", limit: 100 })).map(({ key }) => key);
  assert.deepEqual(keys.filter((key) => !key.startsWith("other")), ["kept-0", "longer-0"]);
  await connection.close();
});

Deno.test("sqlite: if the file was locked, expired values are deleted soon after, and not a minute later", async () => {
  const { DatabaseSync } = await import("node:sqlite");
  const folder = await Deno.makeTempDir({ prefix: "posthorn-expiry-" });
  const clock = new VirtualClock();
  const connection = await sqlite(`${folder}/posthorn.db`, { synchronous: "normal" }).open({ clock });
  await write(connection, "short", 20, clock.now() + lifeMs);
  const other = new DatabaseSync(`${folder}/posthorn.db`);
  other.exec("BEGIN IMMEDIATE");
  await clock.advance(61_000);
  assert.equal(await count(connection), 20);
  other.exec("ROLLBACK");
  other.close();
  await clock.advance(200);
  assert.equal(await count(connection), 0);
  await connection.close();
  await Deno.remove(folder, { recursive: true });
});
