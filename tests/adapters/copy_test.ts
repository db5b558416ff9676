// The command that moves a store to another one.

import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { actor, protocol, type Store, submit, System, tell, unchecked } from "@posthorn/posthorn";
import { sqlite } from "@posthorn/posthorn/sqlite";
import { storeOf } from "../../adapters/store_of.ts";
import { postgresTest } from "../postgres/given.ts";

const Note = protocol("note", { add: tell(unchecked<string>()), count: submit(unchecked<number>()) });
const note = actor(Note, {
  state: () => 0,
  on: { add: (ctx) => void (ctx.state += 1), count: (ctx) => ctx.state },
});

async function copy(...args: readonly string[]): Promise<{ code: number; out: string; err: string }> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "-A",
      "--unstable-kv",
      "--quiet",
      new URL("../../adapters/copy.ts", import.meta.url).href,
      ...args,
    ],
    env: { NO_COLOR: "1" },
    stdin: "null",
  }).output();
  const [out, err] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
  return { code, out, err };
}

/** Uses a store for a moment. Returns the id of a reply in it. */
async function use(store: Store): Promise<string> {
  await using system = new System({ actors: [note], store });
  for (let n = 0; n < 20; n++) await system.ref(Note, "ada").tell(Note.add, "x", { id: `${n}` });
  const ticket = await system.ref(Note, "ada").submit(Note.count);
  await ticket.reply({ timeoutMs: 20_000 });
  return ticket.id;
}

async function count(store: Store, id: string): Promise<unknown> {
  await using system = new System({ actors: [note], store });
  await system.ref(Note, "ada").tell(Note.add, "x", { id: "7" }); // a repeat
  const again = await system.ref(Note, "ada").submit(Note.count);
  return [await system.ticket(id).reply(), await again.reply({ timeoutMs: 20_000 })];
}

async function inFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "posthorn-copy-" });
  try {
    await work(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("copy ends its work although nobody reads of its progress any more", async () => {
  await inFolder(async (folder) => {
    const [from, to] = [`${folder}/from.db`, `${folder}/to.db`];
    const id = await use(sqlite(from));
    const child = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--quiet", new URL("../../adapters/copy.ts", import.meta.url).href, from, to],
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    await Promise.all([child.stdout.cancel(), child.stderr.cancel()]);
    assert.equal((await child.status).code, 0);
    assert.deepEqual(await count(sqlite(to), id), [20, 20]);
  });
});

Deno.test("copy moves a file of SQLite to another one, with the times at which rows expire", async () => {
  await inFolder(async (folder) => {
    const [from, to] = [`${folder}/from.db`, `${folder}/to.db`];
    const id = await use(sqlite(from));
    const copied = await copy(from, to);
    assert.equal(copied.code, 0, copied.err);
    assert.match(copied.out, /^Copied \d+ rows from sqlite to sqlite, and compared them\.\n$/);
    assert.match(copied.err, /copying … \d+ rows/);
    const [before, after] = [from, to].map((path) => {
      const database = new DatabaseSync(path);
      const rows = database.prepare(
        "SELECT key, expires FROM posthorn WHERE key LIKE ? OR key LIKE ? ORDER BY key",
      )
        .all("mark%", "reply%");
      database.close();
      return rows.map(({ key, expires }) => `${key} ${expires}`);
    });
    assert(before.length > 20);
    assert.deepEqual(after, before);
    assert.deepEqual(await count(sqlite(to), id), [20, 20]);
    const again = await copy(from, to);
    assert.equal(again.code, 1);
    assert.match(again.err, /copy-refused|sqlite is not empty: it has the row/);
  });
});

Deno.test("copy says what is wrong with its arguments", async () => {
  const cases: [string[], number, RegExp][] = [
    [["--help"], 0, /copy FROM TO.* PATH\.kv .*sqlite:PATH/s],
    [["only.db"], 2, /it takes a store to copy and an empty one.*copy FROM TO/s],
    [["no-such-file.db", "b.db"], 2, /no-such-file\.db: there is no such file/],
    [["no-such-file.kv", "b.db"], 2, /no-such-file\.kv: there is no such file/],
    [["Postgres://root:secret@db/app", "b.db"], 2, /it must begin with postgres:\/\//],
    [["HTTPS://root:secret@db/app", "b.db"], 2, /Cannot use the store HTTPS:…/],
    [["mysql://root:secret@db/app", "b.db"], 2, /Cannot use the store mysql:…: a store is postgres/],
    [["--force", "a.db", "b.db"], 2, /there is no option --force/],
  ];
  for (const [args, code, says] of cases) {
    const copied = await copy(...args);
    assert.equal(copied.code, code, args.join(" "));
    assert.match(copied.out + copied.err, says);
    assert(!(copied.out + copied.err).includes("secret"));
  }
});

Deno.test("copy writes nothing into a source that is no store", async () => {
  await inFolder(async (folder) => {
    const path = `${folder}/orders.db`;
    const other = new DatabaseSync(path);
    other.exec("CREATE TABLE orders (id TEXT)");
    const copied = await copy(path, `${folder}/to.db`);
    assert.equal(copied.code, 2);
    assert.match(copied.err, /Cannot copy .*orders\.db: no system has used it as its store/);
    assert.deepEqual(other.prepare("SELECT name FROM sqlite_master").all().map(({ name }) => name), [
      "orders",
    ]);
    other.close();
    assert.deepEqual([...Deno.readDirSync(folder)].map(({ name }) => name), ["orders.db"]);
  });
});

Deno.test("a store has a name", async () => {
  const names: [string, RegExp][] = [
    ["./a.db", /sqlite/],
    ["/tmp/posthorn", /sqlite/],
    ["sqlite:./a.db", /sqlite/],
    ["./a.kv", /Deno KV, file/],
    ["deno-kv:./a", /Deno KV, file/],
    ["https://kv.example/x", /Deno KV, remote/],
    ["postgres://db.example/app?schema=actors", /PostgreSQL/],
    ["postgresql://db.example/app", /PostgreSQL/],
  ];
  for (const [name, traits] of names) assert.match((await storeOf(name)).traits.name, traits);
  await assert.rejects(storeOf("postgres://db.example/app?schema=Upper&x=1"), RangeError);
  await assert.rejects(storeOf("redis://db.example"), /Cannot use the store redis:…/);
});

postgresTest("copy creates no schema in its source", async ({ url, schema }) => {
  const copied = await copy(`${url}?schema=${schema}`, "no-such-folder/to.db");
  assert.equal(copied.code, 1);
  assert.match(copied.err, new RegExp(`schema "${schema}" is not there`));
  assert.match((await copy(`${url}?schema=${schema}`, "no-such-folder/to.db")).err, /is not there/);
});

postgresTest("copy moves a file of SQLite to PostgreSQL", async ({ url, schema }) => {
  await inFolder(async (folder) => {
    const from = `${folder}/from.db`;
    const to = `${url}?schema=${schema}`;
    const id = await use(sqlite(from));
    const copied = await copy(from, to);
    assert.equal(copied.code, 0, copied.err);
    assert.match(copied.out, /from sqlite to PostgreSQL/);
    assert.deepEqual(await count(await storeOf(to), id), [20, 20]);
    assert.deepEqual(await count(sqlite(from), id), [20, 20], "the source is as it was");
  });
});
