import assert from "node:assert/strict";
import { systemClock } from "@posthorn/posthorn";
import { sqlite } from "@posthorn/posthorn/sqlite";
import type { StoreConnection } from "@posthorn/posthorn/store";
import { VirtualClock } from "@posthorn/posthorn/testing";
import { temporary } from "../temporary.ts";

const encoder = new TextEncoder();
const clock = systemClock();

function put(connection: StoreConnection, key: string, value: Uint8Array, expiresAtMs?: number) {
  return connection.commit([{ checks: [], writes: [{ key, value, expiresAtMs }], removals: [] }]);
}

async function countOf(connection: StoreConnection, prefix: string): Promise<number> {
  let count = 0;
  for (let page = await connection.list({ prefix, limit: 1_000 }); page.length > 0;) {
    count += page.length;
    page = await connection.list({ prefix, limit: 1_000, after: page.at(-1)!.key });
  }
  return count;
}

Deno.test("sqlite: its traits state durability and sharing", () => {
  const traits = [sqlite("a.db"), sqlite("a.db", { synchronous: "normal" }), sqlite(":memory:")];
  assert.deepEqual(traits.map(({ traits: { durability, processes } }) => [durability, processes]), [
    ["power", "many"],
    ["process", "many"],
    ["nothing", "one"],
  ]);
});

Deno.test("sqlite: it writes ahead, so that readers and a writer do not wait for each other", async () => {
  const { DatabaseSync } = await import("node:sqlite");
  await using file = await temporary();
  const connection = await sqlite(file.path).open({ clock });
  await put(connection, "k", encoder.encode("1"));
  const database = new DatabaseSync(file.path);
  assert.equal(database.prepare("PRAGMA journal_mode").get()?.journal_mode, "wal");
  database.close();
  await connection.close();
});

Deno.test("sqlite: what was committed is there when it is opened again, and its log is gone", async () => {
  await using file = await temporary();
  const first = await sqlite(file.path).open({ clock });
  const [version] = await put(first, "k", encoder.encode("1"));
  await first.close();
  assert.deepEqual([...Deno.readDirSync(file.folder)].map(({ name }) => name), ["posthorn.db"]);
  const second = await sqlite(file.path).open({ clock });
  const [stored] = await second.read(["k"]);
  assert.equal(stored?.version, version);
  const [next] = await put(second, "k", encoder.encode("1"));
  assert.notEqual(next, version);
  await second.close();
});

Deno.test("sqlite: versions reserved in a rolled back transaction are given once, by another connection", async () => {
  await using file = await temporary();
  const [first, second] = [await sqlite(file.path).open({ clock }), await sqlite(file.path).open({ clock })];
  const [held] = await put(first, "k", new Uint8Array(1));
  // The first commit of the second connection fails where it writes: the versions it has reserved are rolled
  // back.
  const write = { key: "k", value: new Uint8Array(2) };
  const stale = { checks: [{ key: "k", version: undefined }], writes: [write], removals: [] };
  assert.deepEqual(await second.commit([stale]), [undefined]);
  const third = await sqlite(file.path).open({ clock });
  const versions = [held];
  for (const connection of [third, second, third, second]) {
    versions.push(...await put(connection, "k", new Uint8Array(1)));
  }
  assert.equal(new Set(versions).size, 5);
  await Promise.all([first, second, third].map((connection) => connection.close()));
});

Deno.test("sqlite: no version is given twice, by any connection in any number of commits", async () => {
  await using file = await temporary();
  const store = sqlite(file.path, { synchronous: "normal", bytesMax: 1_000_000 });
  const versions: (string | undefined)[] = [];
  const connections = [await store.open({ clock }), await store.open({ clock })];
  await assert.rejects(put(connections[0], "k", new Uint8Array(2_000_000)), { code: "store-full" });
  for (let round = 0; round < 1_050; round++) {
    for (const connection of connections.toReversed()) {
      versions.push(...await put(connection, "k", new Uint8Array(1)));
    }
  }
  for (const connection of connections) await connection.close();
  const again = await store.open({ clock });
  versions.push(...await put(again, "k", new Uint8Array(1)));
  await again.close();
  assert.equal(new Set(versions).size, 2_101);
});

Deno.test("sqlite: a file with another table of that name is closed again when it cannot be opened", async () => {
  const { DatabaseSync } = await import("node:sqlite");
  await using file = await temporary();
  const other = new DatabaseSync(file.path);
  other.exec("CREATE TABLE posthorn (key TEXT PRIMARY KEY, expires INTEGER)");
  other.close();
  await assert.rejects(sqlite(file.path).open({ clock }), {
    code: "store-unavailable",
    message: /no such column|failed to prepare/, // an older Deno does not say why
  });
  await assert.rejects(Deno.stat(`${file.path}-wal`), Deno.errors.NotFound); // who closes it last removes its log
});

Deno.test("sqlite: what cannot be opened says which file, and why", async () => {
  await using file = await temporary();
  const path = `${file.path}-folder/posthorn.db`;
  await assert.rejects(sqlite(path).open({ clock }), {
    name: "StoreError",
    code: "store-unavailable",
    message: new RegExp(`^Cannot open ${path}: .*: its folder must exist$`),
  });
  await Deno.writeTextFile(file.path, "This is no database, and long enough to be looked at. ".repeat(100));
  await assert.rejects(sqlite(file.path).open({ clock }), {
    code: "store-unavailable",
    message: `Cannot open ${file.path}: file is not a database`,
  });
  assert.throws(() => sqlite("a.db", { bytesMax: 0 }), {
    name: "RangeError",
    message: "Cannot use bytesMax of a.db: it must be above 0: current value is 0",
  });
  for (const synchronous of ["ful", "FULL", "off", "full; DROP TABLE entries"]) {
    assert.throws(() => sqlite("a.db", { synchronous: synchronous as "full" }), {
      name: "RangeError",
      message:
        `Cannot use synchronous of a.db: it must be one of full, normal: current value is "${synchronous}"`,
    });
  }
});

Deno.test("sqlite: a call that finds the file locked lets other work continue, and retries until it is free", async () => {
  const { DatabaseSync } = await import("node:sqlite");
  await using file = await temporary();
  const virtual = new VirtualClock();
  const connection = await sqlite(file.path).open({ clock: virtual });
  const other = new DatabaseSync(file.path);
  other.exec("BEGIN IMMEDIATE");
  let ended = false;
  const committing = put(connection, "k", encoder.encode("1")).finally(() => ended = true);
  await virtual.advance(5_000);
  assert.equal(ended, false);
  assert.deepEqual(await connection.read(["k"]), [undefined]); // readers do not wait
  assert.equal(
    (await connection.commit([{ checks: [{ key: "k", version: undefined }], writes: [], removals: [] }]))
      .length,
    1,
  );
  other.exec("COMMIT");
  await virtual.advance(130);
  assert.equal(ended, true);
  const [version] = await committing;

  other.exec("BEGIN IMMEDIATE");
  const refused = assert.rejects(put(connection, "k", encoder.encode("2")), {
    name: "StoreError",
    code: "store-unavailable",
    message: `Cannot commit to ${file.path}: database is locked`,
  });
  await virtual.advance(10_200);
  await refused;
  other.exec("COMMIT");

  other.exec("BEGIN IMMEDIATE");
  const last = put(connection, "last", encoder.encode("3"));
  const closing = connection.close();
  await virtual.advance(10);
  other.exec("COMMIT");
  await virtual.advance(130);
  await closing;
  assert.equal(virtual.waiting, 0);
  const [lastVersion] = await last;
  const rows = other.prepare("SELECT key, version FROM posthorn ORDER BY key").all();
  assert.deepEqual(rows.map(({ key, version }) => [key, String(version)]), [["k", version], [
    "last",
    lastVersion,
  ]]);
  other.close();
});

Deno.test("sqlite: what has expired goes a few at a time, never early, and no timer outlives it", async () => {
  await using file = await temporary();
  const virtual = new VirtualClock();
  const connection = await sqlite(file.path, { synchronous: "normal" }).open({ clock: virtual });
  const expiresAtMs = virtual.now() + 90_000;
  for (let from = 0; from < 1_200; from += 100) {
    const keys = Array.from({ length: 100 }, (_, index) => `k${from + index}`);
    const writes = keys.map((key) => ({ key, value: new Uint8Array(1), expiresAtMs }));
    await connection.commit([{ checks: [], writes, removals: [] }]);
  }
  await put(connection, "later", new Uint8Array(1), expiresAtMs + 3_600_000);
  await put(connection, "never", new Uint8Array(1));
  await put(connection, "k7", new Uint8Array(1)); // no longer
  await virtual.advance(89_999);
  assert.equal(await countOf(connection, ""), 1_202);
  const counts = [];
  await virtual.advance(30_001);
  for (let bite = 0; bite < 4; bite++) {
    counts.push(await countOf(connection, ""));
    await virtual.advance(100);
  }
  assert.deepEqual(counts, [702, 202, 3, 3]);
  assert.equal(virtual.waiting, 1);
  const watch = connection.watch(() => {});
  assert.equal(virtual.waiting, 2);
  watch[Symbol.dispose]();
  assert.equal(virtual.waiting, 1);
  connection.watch(() => {});
  await connection.close();
  assert.equal(virtual.waiting, 0);
});

Deno.test("sqlite: what has expired does not accumulate, although each process writes a little and ends", async () => {
  await using file = await temporary();
  const virtual = new VirtualClock();
  for (let starts = 0; starts < 10; starts++) {
    const connection = await sqlite(file.path, { synchronous: "normal" }).open({ clock: virtual });
    await put(connection, `k${starts}`, new Uint8Array(1), virtual.now() + 1_000);
    assert.equal(await countOf(connection, ""), 1);
    await connection.close();
    await virtual.advance(2_000);
  }
});

Deno.test("sqlite: what does not fit is refused as a whole, and removals make room again", async () => {
  await using file = await temporary();
  const connection = await sqlite(file.path, { bytesMax: 1_000_000 }).open({ clock });
  const value = new Uint8Array(100_000).fill(7);
  const kept: string[] = [];
  const full = {
    name: "StoreError",
    code: "store-full",
    message: `Cannot commit to ${file.path}: database or disk is full`,
  };
  for (let index = 0; index < 9; index++) {
    const [version] = await put(connection, `k${index}`, value);
    if (version !== undefined) kept.push(`k${index}`);
  }
  const writes = ["x1", "x2", "k0"].map((key) => ({ key, value: new Uint8Array(90_000) }));
  for (let attempt = 0; attempt < 3; attempt++) {
    await assert.rejects(connection.commit([{ checks: [], writes, removals: [] }]), full);
    const list = await connection.list({ prefix: "", limit: 100 });
    assert.deepEqual(list.map(({ key }) => key), kept);
    assert.equal(list[0].value[0], 7);
  }
  await connection.commit([{
    checks: [],
    writes: [],
    removals: [{ key: "k1" }, { key: "k2" }, { key: "k3" }],
  }]);
  await connection.commit([{ checks: [], writes, removals: [] }]);
  assert.equal(await countOf(connection, ""), kept.length - 3 + 2);
  await connection.close();
  assert.ok((await Deno.stat(file.path)).size <= 1_000_000);
});

Deno.test("sqlite: a full disk is a clear error, nothing of it is there, and it goes on when there is room", async (test) => {
  const folder = await Deno.makeTempDir({ prefix: "posthorn-full-" });
  const mount = await run("mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", folder);
  if (!mount) {
    await test.step({ name: "skipped: only root may mount a small disk", ignore: true, fn() {} });
    return await Deno.remove(folder);
  }
  try {
    const path = `${folder}/posthorn.db`;
    const connection = await sqlite(path).open({ clock });
    const value = new Uint8Array(50_000).fill(7);
    const kept: string[] = [];
    let refusals = 0;
    for (let index = 0; index < 100 && refusals < 3; index++) {
      const key = `k${String(index).padStart(2, "0")}`;
      const error = await put(connection, key, value).then(() => kept.push(key), (error) => error);
      if (typeof error === "number") continue;
      refusals++;
      assert.deepEqual([error.name, error.code], ["StoreError", "store-full"]);
    }
    assert.equal(refusals, 3);
    assert.deepEqual((await connection.list({ prefix: "", limit: 100 })).map(({ key }) => key), kept);
    assert.ok(await run("mount", "-o", "remount,size=16m", folder));
    const [version] = await put(connection, "more", value);
    assert.ok(version !== undefined);
    await connection.close();
    const again = await sqlite(path).open({ clock });
    assert.equal(await countOf(again, "k"), kept.length);
    await again.close();
  } finally {
    await run("umount", folder);
    await Deno.remove(folder);
  }
});

async function run(command: string, ...args: string[]): Promise<boolean> {
  try {
    return (await new Deno.Command(command, { args, stderr: "null" }).output()).success;
  } catch {
    return false;
  }
}

function startWriter(path: string, name: string, synchronous: string, rounds: number): Deno.ChildProcess {
  const args = [
    "run",
    "-A",
    "--no-check",
    new URL("writer.ts", import.meta.url).href,
    path,
    name,
    synchronous,
    String(rounds),
  ];
  return new Deno.Command(Deno.execPath(), { args, stdout: "piped", stderr: "inherit" }).spawn();
}

Deno.test("sqlite: of two processes on one file each gets through, and nothing is lost", async () => {
  await using file = await temporary();
  const rounds = 150;
  const writers = ["a", "b"].map((name) => startWriter(file.path, name, "full", rounds));
  for (const { code } of await Promise.all(writers.map((writer) => writer.output()))) assert.equal(code, 0);
  const connection = await sqlite(file.path).open({ clock });
  const [count] = await connection.read(["count"]);
  assert.equal(new TextDecoder().decode(count!.value), String(2 * rounds));
  assert.deepEqual([await countOf(connection, "done/a/"), await countOf(connection, "done/b/")], [
    rounds,
    rounds,
  ]);
  await connection.close();
});

for (const synchronous of ["full", "normal"]) {
  Deno.test(`sqlite, ${synchronous}: what was acknowledged before a kill is there, and no commit in parts`, async () => {
    await using file = await temporary();
    let acknowledged = 0;
    for (let round = 0; round < 3; round++) {
      const writer = startWriter(file.path, String(round), synchronous, 1_000_000);
      let text = "";
      let killed = false;
      for await (const chunk of writer.stdout.pipeThrough(new TextDecoderStream())) {
        text += chunk;
        if (killed || text.split("\n").length < 50 + round * 17) continue;
        killed = true;
        writer.kill("SIGKILL");
      }
      await writer.status;
      const done = text.split("\n").length - 1;
      acknowledged += done;
      const connection = await sqlite(file.path).open({ clock });
      const [count] = await connection.read(["count"]);
      const [written, total] = [
        await countOf(connection, `done/${round}/`),
        Number(new TextDecoder().decode(count!.value)),
      ];
      assert.equal(await countOf(connection, "done/"), total);
      assert.ok(written === done || written === done + 1, `${written} are there, ${done} were acknowledged`);
      assert.ok(total >= acknowledged && total <= acknowledged + round + 1);
      await connection.close();
    }
  });
}

Deno.test("sqlite: a watcher is notified of other processes within 50 ms, half of the time", async () => {
  await using file = await temporary();
  const connection = await sqlite(file.path).open({ clock });
  let notified = Promise.withResolvers<void>();
  using _ = connection.watch(() => notified.resolve());
  const writer = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", new URL("ringer.ts", import.meta.url).href, file.path, "30"],
    stderr: "inherit",
  }).spawn();
  const latencies: number[] = [];
  for (let ended = false; !ended;) {
    await notified.promise;
    notified = Promise.withResolvers(); // before it looks, so that what comes meanwhile is not missed
    for (const { key, value } of await connection.list({ prefix: "bell/", limit: 1_000 })) {
      latencies.push(clock.now() - Number(new TextDecoder().decode(value)));
      await connection.commit([{ checks: [], writes: [], removals: [{ key }] }]);
    }
    ended = (await connection.read(["end"]))[0] !== undefined;
  }
  assert.equal((await writer.status).code, 0);
  latencies.sort((one, other) => one - other);
  console.log(
    `wake-up across processes: p50 ${latencies[latencies.length >> 1]} ms, max ${latencies.at(-1)} ms`,
  );
  assert.equal(latencies.length, 30);
  assert.ok(latencies[latencies.length >> 1] < 50, `${latencies} ms`);
  await connection.close();
});
