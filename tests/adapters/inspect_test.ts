// The command that looks into a store and mends what is stuck.

import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import {
  actor,
  ask,
  event,
  protocol,
  type Store,
  submit,
  System,
  tell,
  TerminalError,
  unchecked,
} from "@posthorn/posthorn";
import { inspect } from "@posthorn/posthorn/inspect";
import { postgres } from "@posthorn/posthorn/postgres";
import { sqlite } from "@posthorn/posthorn/sqlite";
import { table } from "../../adapters/inspect/table.ts";
import { postgresTest } from "../postgres/given.ts";

const Note = protocol("note", {
  add: tell(unchecked<string>()),
  count: ask(unchecked<number>()),
  later: submit(unchecked<string>()),
  noted: event(unchecked<string>()),
});

/** An actor that takes nothing until it is mended. */
function noteOf(isMended: () => boolean) {
  return actor(Note, {
    state: (): readonly string[] => [],
    on: {
      add(ctx, text) {
        if (!isMended()) {
          throw new TerminalError(`No ${text}`, { code: text.startsWith("odd") ? "odd" : "broken" });
        }
        ctx.state = [...ctx.state, text];
      },
      count: (ctx) => ctx.state.length,
      later: (ctx) => ctx.later(),
    },
  });
}

interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Runs the command in this process. */
async function run(...args: readonly string[]): Promise<Ran> {
  let [out, err] = ["", ""];
  const code = await inspect(args, {
    stdout: { write: (text) => out += text },
    stderr: { write: (text) => err += text },
  });
  return { code, out, err };
}

/** Runs the command as a process of its own. */
async function command(...args: readonly string[]): Promise<Ran> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--quiet", new URL("../../adapters/inspect.ts", import.meta.url).href, ...args],
    env: { NO_COLOR: "1" },
    stdin: "null",
  }).output();
  const [out, err] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
  return { code, out, err };
}

/** The answer of a command as data. */
async function json(...args: readonly string[]): Promise<Record<string, unknown>> {
  const { code, out, err } = await run(...args, "--json");
  assert.equal(code, 0, err);
  assert.equal(out.split("\n").length, 2, "one line");
  return JSON.parse(out);
}

async function onFile(work: (path: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "posthorn-inspect-" });
  try {
    await work(`${folder}/posthorn.db`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Resolves when so many turns of a system have ended. */
function turns(system: System, type: "done" | "dead", count: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const listening = system.inspect((event) => {
    if (event.type === type && --count === 0) resolve();
  });
  return promise.finally(() => listening[Symbol.dispose]());
}

/** A system with actors, dead letters, a schedule, a subscription and a request that is open. Returns the id of its ticket. */
async function fill(store: Store): Promise<string> {
  await using system = new System({ actors: [noteOf(() => false)], store, log: false });
  const dead = turns(system, "dead", 3);
  for (const id of ["1", "odd2", "3"]) await system.ref(Note, "ada").tell(Note.add, id, { id });
  await dead;
  await system.schedule("tick", { everyMs: 3_600_000 }, system.ref(Note, "ada").at(Note.add), "tick");
  await system.subscribe(Note.noted, system.ref(Note, "ada").at(Note.add)).ready;
  await system.ref(Note, "later").tell(Note.add, "late", { afterMs: 3_600_000 });
  const { id } = await system.ref(Note, "bob").submit(Note.later);
  await system.ref(Note, "bob").ask(Note.count); // its turn has ended
  return id;
}

Deno.test("inspect lists what is in a store, and mends it while nothing runs", async () => {
  await onFile(async (path) => {
    const ticket = await fill(sqlite(path));
    const overview = await command(path);
    assert.deepEqual([overview.code, overview.err], [0, ""]);
    assert.match(overview.out, /No instance runs\./);
    assert.match(overview.out, /^PROTOCOL +ACTORS +WAITING +OLDEST +FAILING +STATE\nnote {2}/m);
    assert.match(overview.out, /^note  +broken  +2$/m);
    assert.match((await run(path, "protocols")).out, /note .*hosted by nobody/);
    assert.match((await run(path, "actors", "note", "--prefix", "b")).out, /^ACTOR.*\nnote\/bob .*\n$/);
    assert.match(
      (await run(path, "show", "note/ada")).out,
      /subscribes to +note\.noted[^]*tick .*note\/ada add/,
    );
    assert.match((await run(path, "schedules")).out, /note\/ada +tick[^]*note\/later +\(delayed message\)/);
    assert.match((await run(path, "topics")).out, /note\.noted +1 /);
    assert.match((await run(path, "replies")).out, new RegExp(`${ticket} +pending .* yes `));
    assert.match((await run(path, "outbox")).out, /There is no message to another service/);
    const dead = await run(path, "dead", "--reason", "broken");
    assert.match(dead.out, /^ID +AGO +TO .*\n3 .*note\/ada add +broken .*No 3 +"3"\n1 .*\n$/);

    assert.deepEqual(await json(path, "discard", "odd2"), { discarded: true });
    assert.deepEqual(await run(path, "discard", "odd2"), {
      code: 1,
      out: "There is no dead letter odd2.\n",
      err: "",
    });
    assert.deepEqual(await json(path, "cancel-schedule", "note/ada", "tick"), { cancelled: true });
    assert.deepEqual(await json(path, "pause", "note"), { paused: "note" });
    assert.match((await run(path, "protocols")).out, /note .*paused/);
    assert.deepEqual(await json(path, "resend", "--all", "--reason", "broken"), {
      done: 2,
      failed: 0,
      more: false,
    });
    assert.match((await run(path, "show", "note/ada")).out, /waiting +2\npaused +yes/);
    await using system = new System({ actors: [noteOf(() => true)], store: sqlite(path), log: false });
    await system.ready();
    assert.equal(system.stats().done, 0);
    const done = turns(system, "done", 2);
    assert.equal((await command(path, "resume", "note")).code, 0); // another process than the one that runs
    await done;
    assert.equal(await system.ref(Note, "ada").ask(Note.count), 2);
    assert.deepEqual(await json(path, "cancel", ticket), { outcome: "withdrawn" });
    assert.equal((await run(path, "instances")).out.split("\n").length, 3);
  });
});

Deno.test("inspect mends what is stuck beside a system that runs", async () => {
  await onFile(async (path) => {
    let isMended = false;
    await using system = new System({ actors: [noteOf(() => isMended)], store: sqlite(path), log: false });
    const dead = turns(system, "dead", 1);
    await system.ref(Note, "ada").tell(Note.add, "x", { id: "x" });
    await dead;
    const before = await json(path, "instances");
    isMended = true;
    const done = turns(system, "done", 1);
    assert.equal((await command(path, "resend", "x")).out, "Resent x.\n");
    await done;
    assert.equal(await system.ref(Note, "ada").ask(Note.count), 1);
    const after = await json(path, "instances") as {
      readonly items: readonly { readonly instance: string }[];
    };
    const names = ({ items }: typeof after) => items.map(({ instance }) => instance);
    assert.deepEqual(names(after), names(before as unknown as typeof after)); // it was no instance itself
  });
});

Deno.test("a pause from a terminal is of durable actors alone, and says so", async () => {
  await onFile(async (path) => {
    const Bell = protocol("bell", { ring: tell(unchecked<string>()) });
    const rung: string[] = [];
    const bell = actor(Bell, {
      transient: true,
      state: () => null,
      on: { ring: (_ctx, text) => void rung.push(text) },
    });
    await fill(sqlite(path));
    const of =
      /\nOnly its durable actors: transient ones take system\.control in the process that has them\.\n$/;
    assert.match((await run(path, "pause", "bell")).out, of);
    await using system = new System({ actors: [bell], store: sqlite(path), log: false });
    await system.ready(); // it has read what is paused
    const done = turns(system, "done", 1);
    await system.ref(Bell, "ada").tell(Bell.ring, "one");
    await done;
    assert.deepEqual(rung, ["one"]);
    assert.match((await run(path, "resume", "bell")).out, of);
  });
});

Deno.test("inspect gives a list in pages", async () => {
  await onFile(async (path) => {
    {
      await using system = new System({ actors: [noteOf(() => true)], store: sqlite(path), log: false });
      for (const key of ["a", "b c", "d", "ü", "e"]) await system.ref(Note, key).tell(Note.add, key);
    }
    const keys: string[] = [];
    for (let after: string[] = [];;) {
      const { items, next } = await json(path, "actors", "note", "--limit=2", ...after) as {
        readonly items: readonly { readonly key: string }[];
        readonly next?: string;
      };
      keys.push(...items.map(({ key }) => key));
      if (next === undefined) break;
      assert.match(next, /^[\x21-\x7e]+$/);
      after = ["--after", next];
    }
    assert.deepEqual(keys, ["a", "b c", "d", "e", "ü"]);
    assert.match((await run(path, "actors", "note", "--limit", "1")).out, /There may be more: --after a\n$/);
  });
});

Deno.test("inspect prints no character that a terminal obeys", async () => {
  const hostile = "\u001b]0;owned\u0007 \u009b2J \u202egnp.exe \u2028 <b>";
  await onFile(async (path) => {
    {
      await using system = new System({ actors: [noteOf(() => false)], store: sqlite(path), log: false });
      const dead = turns(system, "dead", 1);
      await system.ref(Note, "ada \u202ebob").tell(Note.add, hostile);
      await dead;
    }
    for (
      const args of [["dead"], ["dead", "--json"], ["actors", "note"], ["show", "note/ada \u202ebob"], []]
    ) {
      const { out } = await run(path, ...args);
      assert.doesNotMatch(out, /(?!\n)[\p{Cc}\u2028-\u202e]/u);
      if (args.includes("--json")) {
        const [{ payload, key }] = JSON.parse(out).items;
        assert.deepEqual([JSON.parse(payload), key], [hostile, "ada \u202ebob"]);
      }
    }
    const { err } = await run(path, "show", "x\u001b[2J");
    assert(!err.includes("\u001b"));
  });
});

Deno.test("inspect shows no payload where there is none", async () => {
  const Bell = protocol("bell", { ring: tell() });
  const bell = actor(Bell, {
    state: () => null,
    on: {
      ring() {
        throw new TerminalError("It is broken");
      },
    },
  });
  await onFile(async (path) => {
    {
      await using system = new System({ actors: [bell], store: sqlite(path), log: false });
      const dead = turns(system, "dead", 1);
      await system.ref(Bell, "ada").tell(Bell.ring);
      await dead;
    }
    assert.match((await run(path, "dead")).out, /bell\/ada ring failed: It is broken *\n$/);
    const { items: [letter] } = await json(path, "dead") as {
      readonly items: readonly { payload: string }[];
    };
    assert.equal(letter.payload, "");
  });
});

Deno.test("a table is aligned whatever characters its cells have", () => {
  const rows = ["ada", "日本語", "Z\u0323oe\u0301", "😀", "한글", "ｆｕｌｌ"].map((name) => [name, "|"]);
  const lines = table(["NAME", "END"], rows).trimEnd().split("\n");
  assert.deepEqual(lines, [
    "NAME      END",
    "ada       |",
    "日本語    |",
    "Z\u0323oe\u0301       |",
    "😀        |",
    "한글      |",
    "ｆｕｌｌ  |",
  ]);
});

Deno.test("inspect says nothing if its reader has read enough", async () => {
  await onFile(async (path) => {
    await fill(sqlite(path));
    const child = new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "-A",
        "--quiet",
        new URL("../../adapters/inspect.ts", import.meta.url).href,
        path,
        "dead",
      ],
      env: { NO_COLOR: "1" },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    await child.stdout.cancel(); // as `head` does
    const err = await new Response(child.stderr).text();
    assert.deepEqual([(await child.status).code, err], [0, ""]);
  });
});

Deno.test("inspect says what is wrong with its arguments, and creates nothing", async () => {
  await onFile(async (path) => {
    const other = `${path}.other`;
    const text = `${path}.txt`;
    const database = new DatabaseSync(other);
    database.exec("CREATE TABLE mine (id INTEGER)");
    database.close();
    await Deno.writeTextFile(text, "no database at all, and longer than a header of one would be".repeat(10));
    {
      await using system = new System({ actors: [], store: sqlite(path) });
      await system.ready();
    }
    const cases: [string[], number, RegExp][] = [
      [[], 2, /it takes a store.*inspect --help/s],
      [[path, "actors"], 2, /Cannot run actors: it is called as inspect STORE actors PROTOCOL /],
      [["no-such-file.db"], 2, /there is no such file/],
      [[`sqlite:${path}.kv`], 2, /Cannot inspect (?!sqlite:).*there is no such file/],
      [[`sqlite:${text}`], 1, /Cannot read .*(file is not a database|store-unavailable)/],
      [[other], 2, /no system has used it as its store/],
      [[text], 1, /Cannot read .*(file is not a database|store-unavailable)/],
      [["mysql://root:secret@db/app"], 2, /Cannot use the store mysql:…/],
      [["postgres://root:secret@127.0.0.1:1/app"], 1, /store-unavailable/],
      [["postgres://root:secret@127.0.0.1:1/app?schema=%zz"], 2, /its schema is not encoded/],
      [[path, "protocol"], 2, /there is no command "protocol"\. Did you mean protocols\?/],
      [[path, "actors"], 2, /inspect STORE actors PROTOCOL \[--prefix TEXT\]/],
      [[path, "dead", "--prefix", "a"], 2, /Cannot use --prefix of dead/],
      [[path, "dead", "--limt", "3"], 2, /there is no such option\. Did you mean --limit\?/],
      [[path, "dead", "--limit"], 2, /its value is missing/],
      [[path, "dead", "--limit", "0"], 2, /a whole number of 1 to 1000/],
      [[path, "dead", "--limit", "1001"], 2, /limit/],
      [[path, "dead", "--json=x"], 2, /it has no value/],
      [[path, "dead", "--after", "%"], 2, /what the page before has told/],
      [[path, "show", "ada"], 2, /it is PROTOCOL\/KEY/],
      [[path, "show", "note/nobody"], 1, /Nothing is known of note\/nobody/],
      [[path, "resend"], 2, /it takes the id of a dead letter, or --all/],
      [[path, "discard", "--reason", "x"], 2, /add --all to mean all/],
      [[path, "discard", "1", "--all"], 2, /and not both/],
      [[path, "resend", "1"], 1, /no such dead letter is kept \(unknown-dead-letter\)/],
      [[path, "cancel", "nothing"], 1, /unknown-reply/],
      [[path, "pause", "No Name"], 2, /the name of a protocol must match/],
      [[path, "replies", "--status", "open"], 2, /pending, done or failed/],
    ];
    for (const [args, code, says] of cases) {
      const ran = await run(...args);
      assert.equal(ran.code, code, `${args.slice(1).join(" ")}: ${ran.err}`);
      assert.match(ran.out + ran.err, says);
      assert(!(ran.out + ran.err).includes("secret"));
    }
    const left = new DatabaseSync(other, { readOnly: true });
    assert.deepEqual(left.prepare("SELECT name FROM sqlite_master").all().map(({ name }) => name), ["mine"]);
    left.close();
    assert.match((await run("--help")).out, / PATH\.kv .*sqlite:PATH.*resend \[ID\] \[--all\]/s);
  });
});

postgresTest("inspect looks into PostgreSQL, and creates no schema", async ({ url, schema }) => {
  const name = `${url}?schema=${schema}`;
  const absent = await run(name);
  assert.equal(absent.code, 1);
  assert.match(absent.err, /store-unavailable/);
  const ticket = await fill(postgres(url, { schema }));
  assert.match((await run(name)).out, /^note  +broken  +2$/m);
  assert.match((await run(name, "replies")).out, new RegExp(`${ticket} +pending`));
  assert.deepEqual(await json(name, "resend", "--all"), { done: 3, failed: 0, more: false });
  assert.equal((await run(name, "pause", "note")).code, 0);
  await using system = new System({
    actors: [noteOf(() => true)],
    store: postgres(url, { schema }),
    log: false,
  });
  await system.ready();
  const done = turns(system, "done", 3);
  assert.equal((await command(name, "resume", "note")).code, 0);
  await done;
  assert.equal(await system.ref(Note, "ada").ask(Note.count), 3);
});
