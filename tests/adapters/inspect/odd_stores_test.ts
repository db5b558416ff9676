// What the command is given may look like a store.

import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { inspect } from "@posthorn/posthorn/inspect";

async function run(...args: readonly string[]) {
  let [out, err] = ["", ""];
  const code = await inspect(args, {
    stdout: { write: (text) => out += text },
    stderr: { write: (text) => err += text },
  });
  return { code, out, err };
}

async function inFolder(test: (path: string) => Promise<void>) {
  const folder = await Deno.makeTempDir({ prefix: "posthorn-inspect-" });
  try {
    await test(`${folder}/posthorn.db`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("inspect leaves the database of another program as it is, also one with a table posthorn", async () => {
  await inFolder(async (path) => {
    const other = new DatabaseSync(path);
    other.exec("CREATE TABLE posthorn (key TEXT PRIMARY KEY, value BLOB, version INTEGER, expires INTEGER)");
    other.close();
    const before = await Deno.readFile(path);
    for (const args of [["protocols"], ["pause", "note"], ["discard", "--all"]]) {
      const { code, err } = await run(path, ...args);
      assert.match(err, /no system has used it as its store/);
      assert.equal(code, 2);
    }
    assert.deepEqual(await Deno.readFile(path), before);
  });
});
