// A disk that is full, which takes root: the tables are on one of a few megabytes in memory.

import assert from "node:assert/strict";
import { System } from "@posthorn/posthorn";
import { postgres } from "@posthorn/posthorn/postgres";
import { run } from "../../../brokers/cache.ts";
import { withDatabase } from "../../../postgres/database.ts";
import { givenUrl, postgresTest } from "../../../postgres/given.ts";
import { own } from "../../../postgres/server.ts";
import { Book, book } from "./book.ts";

/** Mounts a small disk, if this user may. */
async function smallDisk(): Promise<AsyncDisposable & { readonly path: string } | undefined> {
  if (Deno.uid() !== 0) return undefined;
  const path = await Deno.makeTempDir({ prefix: "posthorn-disk-" });
  const unmounted = () => Deno.remove(path, { recursive: true });
  try {
    await run("mount", ["-t", "tmpfs", "-o", "size=24m", "tmpfs", path]);
  } catch {
    await unmounted();
    return undefined;
  }
  await own(path);
  return {
    path,
    [Symbol.asyncDispose]: async () => {
      await run("umount", ["--lazy", path]); // the processes of the server that was killed may still be ending
      await unmounted();
    },
  };
}

/** Whether it may: tried once, so that the test is ignored where nobody may. */
async function mayMount(): Promise<boolean> {
  await using disk = await smallDisk();
  return disk !== undefined;
}

const canFill = givenUrl !== undefined && await mayMount();
const define: typeof postgresTest = canFill || givenUrl === undefined
  ? postgresTest
  : (title) => Deno.test.ignore(`${title} (needs root, who may mount a disk)`, () => {});

define(
  "postgres: on a full disk sends are store-full and change nothing, until there is room",
  async (given) => {
    const server = await given.own();
    await using disk = await smallDisk();
    await using _ended = { [Symbol.asyncDispose]: () => server.kill() }; // before its disk goes
    await withDatabase(server.url, async (client) => {
      await client.query(`CREATE TABLESPACE small LOCATION '${disk!.path}'`);
      await client.query("ALTER DATABASE postgres SET default_tablespace = small");
    });
    const system = new System({ actors: [book], store: postgres(server.url), log: false });
    await system.ready();
    const ada = system.ref(Book, "ada");
    await ada.tell(Book.write, "first");
    await withDatabase(server.url, async (client) => {
      await client.query("CREATE TABLE filler (bytes bytea)");
      await client.query("ALTER TABLE filler ALTER bytes SET STORAGE PLAIN");
      const fill = "INSERT INTO filler SELECT decode(repeat('00', 7000), 'hex') FROM generate_series(1, 100)";
      const fills = async () => {
        for (;;) await client.query(fill);
      };
      await assert.rejects(fills, { code: "53100" });
    });
    const line = "x".repeat(500_000);
    for (let tries = 0; tries < 3; tries++) {
      await assert.rejects(ada.tell(Book.write, line, { id: "long" }), {
        name: "StoreError",
        code: "store-full",
        message: /No space left on device/,
      });
    }
    assert.equal(system.health.store?.status, "unavailable");
    assert.deepEqual(await ada.ask(Book.read), ["first"]);
    await withDatabase(server.url, (client) => client.query("DROP TABLE filler"));
    await ada.tell(Book.write, line, { id: "long" });
    await ada.tell(Book.write, line, { id: "long" });
    assert.deepEqual((await ada.ask(Book.read)).map(({ length }) => length), [5, 500_000]);
    await system.stop();
  },
);
