// Acknowledged commits are in the file of the given name: valid names, and changes of the file while it is
// open.

import assert from "node:assert/strict";
import fc from "fast-check";
import { actor, protocol, type Store, System, systemClock, tell, unchecked } from "@posthorn/posthorn";
import { denoKv } from "@posthorn/posthorn/deno-kv";
import { sqlite } from "@posthorn/posthorn/sqlite";
import type { StoreConnection } from "@posthorn/posthorn/store";
import { VirtualClock } from "@posthorn/posthorn/testing";

async function inFolder(run: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "posthorn-file-" });
  try {
    await run(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function put(connection: StoreConnection, key: string): Promise<unknown> {
  const writes = [{ key, value: new Uint8Array(1) }];
  return connection.commit([{ checks: [], writes, removals: [] }]);
}

const away: readonly (readonly [what: string, change: (path: string) => Promise<void>])[] = [
  ["moved away", (path) => Deno.rename(path, `${path}.old`)],
  ["removed", (path) => Deno.remove(path)],
  ["replaced by a copy", async (path) => {
    await Deno.copyFile(path, `${path}.copy`);
    await Deno.rename(`${path}.copy`, path);
  }],
  ["without its log", (path) => Deno.remove(`${path}-wal`)],
  ["in a folder that was moved away", async (path) => {
    const folder = path.slice(0, path.lastIndexOf("/"));
    await Deno.rename(folder, `${folder}-old`);
  }],
];
const files: readonly (readonly [kind: string, open: (path: string) => Store, ignore: boolean])[] = [
  ["sqlite", sqlite, false],
  ["deno kv", denoKv, typeof Deno.openKv !== "function"],
];
for (const [kind, storeOf, ignore] of files) {
  for (const [what, change] of away) {
    const name = `${kind}: a file that is ${what} while it is open takes nothing any more`;
    Deno.test(name, { ignore }, () =>
      inFolder(async (folder) => {
        await Deno.mkdir(`${folder}/data`);
        const path = `${folder}/data/posthorn.db`;
        const clock = new VirtualClock();
        const connection = await storeOf(path).open({ clock });
        await put(connection, "before");
        await clock.advance(1_000);
        await put(connection, "looked at, and there");
        await change(path);
        await clock.advance(10);
        const failure = {
          code: "store-unavailable",
          message: /posthorn\.db(-wal)? is (no longer there|another file)/,
        };
        await assert.rejects(put(connection, "after"), failure);
        await assert.rejects(connection.read(["before"]), failure);
        await assert.rejects(connection.list({ prefix: "", limit: 1 }), failure);
        await connection.close();
      }));
  }
}

Deno.test("sqlite: a file that is moved back is used again, with all its data", () =>
  inFolder(async (folder) => {
    const path = `${folder}/posthorn.db`;
    const clock = new VirtualClock();
    const connection = await sqlite(path).open({ clock });
    await put(connection, "before");
    await Deno.rename(path, `${path}.old`);
    await clock.advance(100);
    await assert.rejects(put(connection, "meanwhile"), { code: "store-unavailable" });
    await Deno.rename(`${path}.old`, path);
    await clock.advance(100);
    await put(connection, "after");
    assert.deepEqual((await connection.list({ prefix: "", limit: 9 })).map(({ key }) => key), [
      "after",
      "before",
    ]);
    await connection.close();
  }));

Deno.test("a system whose file is gone says so within a heartbeat, and accepts nothing", () =>
  inFolder(async (folder) => {
    const Counter = protocol("counter", { add: tell(unchecked<number>()) });
    const counter = actor(Counter, { state: () => 0, on: { add: (ctx, n) => void (ctx.state += n) } });
    const path = `${folder}/posthorn.db`;
    const clock = new VirtualClock();
    const system = new System({ actors: [counter], store: sqlite(path), clock, drainMs: 0 });
    await system.ready();
    const { heartbeatMs } = sqlite(path).traits;
    await system.ref(Counter, "a").tell(Counter.add, 1);
    await clock.advance(heartbeatMs);
    assert.equal(system.health.store?.status === "unavailable", false);
    await Deno.rename(path, `${path}.old`);
    await clock.advance(heartbeatMs + 100);
    const health = system.health.store;
    assert.equal(health?.status, "unavailable");
    assert.match(health?.reason ?? "", /is no longer there/);
    await assert.rejects(system.ref(Counter, "a").tell(Counter.add, 1), { code: "store-unavailable" });
    await system.stop();
  }));

Deno.test("sqlite: what names no file is refused at once, and says why", () => {
  const wrong: readonly (readonly [path: string, why: RegExp])[] = [
    ["", /it must name a file, or be ":memory:": current value is ""$/],
    ["a\0.db", /it must not have the character NUL: current value is "a\\u0000\.db"$/],
    ["file:///data/a.db", /it must be a path and not a URL/],
    ["file:/data/a.db", /it must be a path and not a URL/],
    ["file::memory:", /it must be a path and not a URI: ":memory:" is a store without a file/],
    ["file::memory:?cache=shared", /it must be a path and not a URI/],
    ["data/", /it must name a file and not a folder/],
    ["data\\", /it must name a file and not a folder/],
  ];
  for (const [path, message] of wrong) assert.throws(() => sqlite(path), { name: "RangeError", message });
  assert.throws(() => sqlite(undefined as unknown as string), {
    name: "TypeError",
    message: "Cannot use path of sqlite: it must be a text: it is undefined",
  });
});

Deno.test("sqlite: any other path is the file of that name, whatever is in it, and wherever the process goes", () =>
  inFolder(async (folder) => {
    const pieces = ["file:", "a", "?mode=memory", "%20", "#", " ", "'", '"', ":memory:", "é", "🙈", "-", "."];
    const text = fc.array(fc.constantFrom(...pieces), { minLength: 1, maxLength: 5 });
    const names = fc.sample(text, { numRuns: 40, seed: 1 }).map((found, index) => `${found.join("")}${index}`)
      .filter((name) => !name.startsWith("file::memory:"));
    const script = new URL("sqlite/names.ts", import.meta.url).href;
    const config = new URL("../../../deno.json", import.meta.url).pathname;
    const args = ["run", "-A", "--no-check", "--config", config, script, JSON.stringify(names)];
    const { success } = await new Deno.Command(Deno.execPath(), { args, cwd: folder, stderr: "inherit" })
      .output();
    assert.ok(success);
    const files = [...Deno.readDirSync(folder)].map(({ name }) => name);
    assert.deepEqual(files.toSorted(), names.toSorted());
    for (const name of names) {
      const again = await sqlite(`${folder}/${name}`).open({ clock: systemClock() });
      assert.equal((await again.read(["k"]))[0]?.key, "k", name);
      await again.close();
    }
  }));

Deno.test("sqlite: a folder that is named as the file is refused when it is opened", () =>
  inFolder(async (folder) => {
    await assert.rejects(sqlite(folder).open({ clock: systemClock() }), {
      code: "store-unavailable",
      message: /: it is a folder$/,
    });
  }));

Deno.test("sqlite: a watcher is notified of parts that ring, and of nothing else", () =>
  inFolder(async (folder) => {
    const clock = new VirtualClock();
    const store = sqlite(`${folder}/posthorn.db`, { synchronous: "normal" });
    const [here, there] = [await store.open({ clock }), await store.open({ clock })];
    let heard = 0;
    const watching = here.watch(() => heard++);
    const commit = (connection: StoreConnection, rings: boolean) =>
      connection.commit([{
        checks: [],
        writes: [{ key: "k", value: new Uint8Array(1) }],
        removals: [],
        rings,
      }]);
    const calls = async (...commits: readonly (readonly [StoreConnection, boolean])[]) => {
      const before = heard;
      for (const [connection, rings] of commits) await commit(connection, rings);
      await clock.advance(20);
      return heard - before;
    };
    assert.equal(await calls([there, false], [there, false]), 0);
    assert.equal(await calls([there, true], [there, true]), 1);
    assert.equal(await calls([here, true]), 0);
    assert.equal(await calls([here, true], [there, false]), 0);
    assert.equal(await calls([here, true], [there, true], [here, true]), 1);
    assert.equal(await calls([here, true], [here, true], [there, true]), 1);
    const stale = { checks: [{ key: "k", version: "0" }], writes: [], removals: [{ key: "k" }], rings: true };
    await there.commit([stale]);
    await clock.advance(20);
    assert.equal(heard, 3);
    watching[Symbol.dispose]();
    assert.equal(await calls([there, true]), 0);
    await here.close();
    await there.close();
  }));
