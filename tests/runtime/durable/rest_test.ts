// A store that one process uses at a time: while nothing waits there is no timer and no row is written, so the process may
// sleep, or end.

import assert from "node:assert/strict";
import { denoKv } from "@posthorn/posthorn/deno-kv";
import { durableObject } from "@posthorn/posthorn/durable-object";
import { sqlite } from "@posthorn/posthorn/sqlite";
import { type Store, systemClock } from "@posthorn/posthorn";
import { FakeObject } from "../../adapters/stores/durable_object/fake_object.ts";
import { CountingStore } from "./counting.ts";
import { note, notesOf, onEach, ref, sharedKinds, Stage, Worker, worker } from "./durable_stage.ts";

const hourMs = 3_600_000;
/** The time after which nothing is left of a burst: no idle actor, no call that was not answered. */
const restMs = 180_000;

/** The stores for one process. Each opens an empty one, and gives what ends it. */
const alone: Readonly<Record<string, () => Promise<{ store: Store; end: () => Promise<void> }>>> = {
  "a Durable Object, without its alarm": () => {
    const object = new FakeObject();
    return Promise.resolve({
      store: durableObject(object.storage),
      end: () => Promise.resolve(object[Symbol.dispose]()),
    });
  },
  "SQLite in memory": () => Promise.resolve({ store: sqlite(":memory:"), end: () => Promise.resolve() }),
  "Deno KV in memory": async () => {
    const store = denoKv(":memory:");
    const connection = await store.open({ clock: systemClock() });
    return { store, end: () => connection.close() };
  },
};

for (const [name, open] of Object.entries(alone)) {
  Deno.test(`${name}: nothing is read or written and no timer waits while nothing waits`, async () => {
    const { store, end } = await open();
    const counting = new CountingStore(store);
    await using stage = new Stage(counting, end);
    const system = await stage.start([worker({ echo: (_, text) => text })]);
    system.subscribe(Worker.happened, ref(system, "bob").at(Worker.note));
    await stage.pass(restMs);
    assert.equal(stage.clock.waiting, 0, "after the start");

    await ref(system, "ada").tell(Worker.note, "one", { id: "1" });
    assert.equal(await ref(system, "ada").ask(Worker.call, "echo hello"), "hello");
    const ticket = await ref(system, "ada").submit(Worker.job, "echo done");
    assert.equal(await ticket.reply({ timeoutMs: 60_000 }), "done");
    await system.publish(Worker.happened, "it happened");
    await ref(system, "ada").tell(Worker.note, "two", { afterMs: 20_000 });
    await stage.pass(restMs);
    assert.deepEqual(await notesOf(system, "ada"), ["one", "two"]);
    assert.deepEqual(await notesOf(system, "bob"), ["it happened"]);
    await stage.pass(restMs);
    assert.equal(stage.clock.waiting, 0, "after a burst");
    assert.equal((await stage.keys("index", "mail", "schedule")).length, 0);

    counting.begin();
    await stage.pass(hourMs, 60_000);
    const { reads, lists, commits } = counting.calls;
    assert.deepEqual({ reads, lists, commits }, { reads: 0, lists: 0, commits: 0 });
  });
}

onEach(sharedKinds, "a store that several processes use is told that this one lives", async (stage) => {
  const counting = new CountingStore(stage.store);
  await stage.start([worker()], { store: counting });
  await stage.pass(restMs);
  counting.begin();
  const beats = 100;
  await stage.pass(beats * stage.store.traits.heartbeatMs);
  assert.equal(counting.calls.commits, beats, "a row for each heartbeat");
  assert.ok(stage.clock.waiting > 0);
});

Deno.test("heartbeats of a store for one process go on while a retry waits", async () => {
  await using stage = new Stage(sqlite(":memory:"), () => Promise.resolve());
  let failures = 3;
  const fail = (ctx: Parameters<typeof note>[0]) => {
    if (failures-- > 0) throw new Error("not yet");
    note(ctx, "at last");
  };
  const system = await stage.start([
    worker({ fail }, { retry: { attempts: 5, baseMs: 20_000, maxMs: 60_000 } }),
  ]);
  await ref(system, "ada").tell(Worker.run, "fail");
  await stage.pass(300_000);
  assert.deepEqual(await notesOf(system, "ada"), ["at last"]);
});
