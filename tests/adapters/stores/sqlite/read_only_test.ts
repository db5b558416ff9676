import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { type StoreError, systemClock } from "@posthorn/posthorn";
import { sqlite } from "@posthorn/posthorn/sqlite";
import type { Database } from "../../../../adapters/stores/sqlite/database.ts";
import { ReadOnlyFile } from "../../../../adapters/stores/sqlite/read_only.ts";

async function onFile(work: (path: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "posthorn-read-only-" });
  try {
    const path = `${folder}/a b?c#%41.db`; // characters that mean something in a URI
    const connection = await sqlite(path).open({ clock: systemClock() });
    await connection.close();
    await work(path);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function rung(database: Pick<Database, "prepare">): unknown {
  return database.prepare("SELECT rung FROM posthorn_bell").get()?.rung;
}

Deno.test("what is read while somebody begins to write is read again, and nothing is left beside the file", async () => {
  await onFile(async (path) => {
    const file = await ReadOnlyFile.of(path);
    assert.equal(await file.ask(systemClock(), rung), 0);
    for (const isOpen of [false, true]) {
      const answers: unknown[] = [];
      const writer = new DatabaseSync(path);
      Deno.utimeSync(path, 0, 0); // the next write is at another time, however soon it is
      const answer = await file.ask(systemClock(), (database) => {
        answers.push(rung(database));
        if (answers.length === 1) {
          writer.exec("UPDATE posthorn_bell SET rung = rung + 1");
          if (!isOpen) writer.close();
        }
        return rung(database);
      });
      assert.deepEqual([answers.length, answer], [2, isOpen ? 2 : 1]);
      if (isOpen) writer.close();
    }
    assert.equal(await file.ask(systemClock(), rung), 2);
    const names = [...Deno.readDirSync(path.slice(0, path.lastIndexOf("/")))].map(({ name }) => name);
    assert.deepEqual(names, ["a b?c#%41.db"]);
  });
});

Deno.test("a file that changes whenever it is read is given up", async () => {
  await onFile(async (path) => {
    const file = await ReadOnlyFile.of(path);
    let asked = 0;
    const question = () => {
      asked++;
      Deno.utimeSync(path, 0, asked);
    };
    await assert.rejects(
      file.ask(systemClock(), question),
      ({ code, message }: StoreError) =>
        code === "store-unavailable" && message.endsWith("it changes while it is read"),
    );
    assert.equal(asked, 6);
  });
});

Deno.test("a file that is away, or no database, is unavailable", async () => {
  await onFile(async (path) => {
    const file = await ReadOnlyFile.of(path);
    await Deno.writeTextFile(path, "no database at all, and longer than a header of one would be".repeat(10));
    await assert.rejects(file.ask(systemClock(), rung), { code: "store-unavailable" });
    await Deno.remove(path);
    await assert.rejects(file.ask(systemClock(), rung), { code: "store-unavailable" });
  });
});
