// What the command is given may look like a store, and its pages may end at any key.

import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { actor, protocol, System, tell, unchecked } from "@posthorn/posthorn";
import { inspect } from "@posthorn/posthorn/inspect";
import { sqlite } from "@posthorn/posthorn/sqlite";

const Note = protocol("note", { add: tell(unchecked<string>()) });
const note = actor(Note, {
  state: () => 0,
  on: {
    add(ctx) {
      ctx.state += 1;
      ctx.schedule("hourly", { everyMs: 3_600_000 }, ctx.self.at(Note.add), "a");
    },
  },
});

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

Deno.test("inspect tells the next page in characters that no shell changes", async () => {
  await inFolder(async (path) => {
    const keys = ["!!", "$(id)", "'", "(a)", "*", "~"];
    {
      await using system = new System({ actors: [note], store: sqlite(path), log: false });
      for (const key of keys) await system.ref(Note, key).tell(Note.add, "a");
    }
    let after: string[] = [];
    for (const key of keys.slice(0, -1)) {
      const { out } = await run(path, "actors", "note", "--limit", "1", ...after);
      const [, place] = /^note\/.*\nThere may be more: --after (.*)\n$/m.exec(out)!;
      assert.match(place, /^[\w.%-]+$/);
      assert.equal(decodeURIComponent(place), key);
      after = ["--after", place];
    }
    assert.match((await run(path, "actors", "note", ...after)).out, /^note\/~ .*\n$/m);
  });
});

Deno.test("inspect says that a schedule cannot be read, and no time for it", async () => {
  await inFolder(async (path) => {
    {
      await using system = new System({ actors: [note], store: sqlite(path), log: false });
      await system.ref(Note, "ada").tell(Note.add, "a");
    }
    const database = new DatabaseSync(path);
    database.exec("UPDATE posthorn SET value = x'00' WHERE key GLOB 'timer*'");
    database.close();
    const { out } = await run(path, "show", "note/ada");
    assert.match(out, /^hourly: its row cannot be read: .* - +- +-$/m);
    const { out: all } = await run(path, "schedules");
    assert.match(all, /^\d{4}-.* note\/ada +hourly: its row cannot be read/m);
  });
});
