// The desk on a real PostgreSQL, with a kill: the totals are those of one file.

import assert from "node:assert/strict";
import { storeAt, withoutPassword } from "../../examples/desk/store.ts";
import { postgresTest } from "../postgres/given.ts";

postgresTest("the demo of the desk proves its totals on PostgreSQL with one option", async ({ url }) => {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "-A",
      "--quiet",
      new URL("../../examples/desk/demo.ts", import.meta.url).href,
      `--store=${url}`,
    ],
    env: { NO_COLOR: "1" },
    stdin: "null",
  }).output();
  const [said, failed] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
  assert.equal(code, 0, said + failed);
  assert.match(said, /PostgreSQL/);
  assert.match(said, /Nothing was lost, nothing came twice, all in order\./);
});

Deno.test("the desk never shows the password of its store", () => {
  const store = "postgres://me:secret@db.example/app?schema=desk";
  assert.equal(withoutPassword(store), "postgres://me:…@db.example/app?schema=desk");
  assert.equal(withoutPassword("./desk.db"), "./desk.db");
  assert.equal(storeAt(store).traits.name, "PostgreSQL");
  assert.equal(storeAt("./desk.db").traits.name, "sqlite");
});
