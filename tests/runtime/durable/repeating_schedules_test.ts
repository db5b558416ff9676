// Schedules that repeat, and those that are set, listed and cancelled from outside, with a store.

import assert from "node:assert/strict";
import type { Scheduled, System } from "@posthorn/posthorn";
import {
  inMemory,
  kinds,
  missedMs,
  notesOf,
  onEach,
  ref,
  sharedKinds,
  Worker,
  worker,
  type WorkerContext,
} from "./durable_stage.ts";

const hourMs = 3_600_000;

const scripts = {
  every: (ctx: WorkerContext, text: string) => {
    const [everyMs, note] = text.split(" ");
    ctx.schedule("tea", { everyMs: Number(everyMs) }, ctx.self.at(Worker.note), note);
  },
  twice: (ctx: WorkerContext) => {
    for (const text of ["a", "a"]) ctx.schedule("tea", { everyMs: 4_000 }, ctx.self.at(Worker.note), text);
  },
  anew: (ctx: WorkerContext) => {
    ctx.cancel("tea");
    ctx.schedule("tea", { everyMs: 4_000 }, ctx.self.at(Worker.note), "a");
  },
  cron: (ctx: WorkerContext, cron: string) => ctx.schedule("tea", { cron }, ctx.self.at(Worker.note), "cron"),
  absent: (ctx: WorkerContext, text: string) =>
    ctx.schedule("tea", { afterMs: 4_000, ifAbsent: true }, ctx.self.at(Worker.note), text),
  erase: (ctx: WorkerContext) => ctx.erase(),
};
const actors = [worker(scripts, { retry: { attempts: 1 } })];

async function list(schedules: AsyncIterable<Scheduled>): Promise<string[]> {
  const found: string[] = [];
  for await (const { actor: { key }, name, when, to } of schedules) {
    found.push(`${key} ${name} ${Object.keys(when)} ${to.operation}`);
  }
  return found;
}

function run(system: System, text: string): Promise<void> {
  return ref(system, "ada").tell(Worker.run, text);
}

onEach(
  kinds,
  "a schedule that repeats goes on if it is set again as it is, after a restart too",
  async (stage) => {
    const first = await stage.start(actors);
    await run(first, "every 4000 a");
    await stage.pass(3_000);
    await run(first, "every 4000 a");
    await stage.pass(1_000);
    assert.deepEqual(await notesOf(first, "ada"), ["a"]);
    await stage.kill(first);
    const second = await stage.start(actors);
    await stage.pass(3_000);
    await run(second, "twice");
    await stage.pass(1_000);
    assert.deepEqual(await notesOf(second, "ada"), ["a", "a"]);
  },
);

onEach(
  kinds,
  "a changed one replaces it: its time, or its payload; and a cancelled one begins anew",
  async (stage) => {
    const system = await stage.start(actors);
    await run(system, "every 4000 a");
    await stage.pass(3_000);
    await run(system, "every 4000 b");
    await stage.pass(1_000);
    assert.deepEqual(await notesOf(system, "ada"), []);
    await stage.pass(3_000);
    assert.deepEqual(await notesOf(system, "ada"), ["b"]);
    await run(system, "every 6000 b");
    await stage.pass(5_000);
    assert.deepEqual(await notesOf(system, "ada"), ["b"]);
    await run(system, "anew");
    await stage.pass(3_000);
    await run(system, "anew");
    await stage.pass(3_000);
    assert.deepEqual(await notesOf(system, "ada"), ["b"]);
  },
);

onEach(
  kinds,
  "a schedule that is set only if there is none is set again once it has fired",
  async (stage) => {
    const system = await stage.start(actors);
    await run(system, "absent first");
    await stage.pass(3_000);
    await run(system, "absent second");
    await stage.pass(1_500, 100);
    await run(system, "absent third");
    await stage.pass(4_500, 100);
    assert.deepEqual(await notesOf(system, "ada"), ["first", "third"]);
  },
);

inMemory(
  "if another instance sends it before a turn commits that leaves it, the turn sets it again",
  async (stage) => {
    const system = await stage.start(actors);
    await run(system, "absent first");
    await stage.settle();
    const other = await stage.store.open({ clock: stage.clock });
    const rows = ["timer", "schedule"].map((kind) => other.list({ prefix: `${kind}\u001f`, limit: 1 }));
    const keys = (await Promise.all(rows)).map(([{ key }]) => key);
    let sent = false;
    stage.storeOf(system).refuse = (parts) => {
      const leaves = parts.some(({ checks }) => checks.some(({ key }) => key === keys[0]));
      if (leaves && !sent) {
        sent = true;
        void other.commit([{ checks: [], writes: [], removals: keys.map((key) => ({ key })), rings: false }]);
      }
      return undefined;
    };
    await run(system, "absent second");
    await stage.pass(5_000);
    assert.deepEqual([sent, await notesOf(system, "ada")], [true, ["second"]]);
    await other.close();
  },
);

onEach(kinds, "a cron schedule is due at its times, and what was missed comes once", async (stage) => {
  const first = await stage.start(actors);
  await run(first, "cron */10 * * * * *");
  await stage.pass(20_000);
  assert.deepEqual(await notesOf(first, "ada"), ["cron", "cron"]);
  await stage.kill(first);
  await stage.pass(45_000);
  const second = await stage.start(actors);
  await stage.pass(missedMs);
  const notes = await notesOf(second, "ada") as string[];
  assert.equal(notes.length, 4, "one for those that were missed, one in time");
});

onEach(kinds, "a turn whose cron expression is none fails, and sets nothing", async (stage) => {
  const system = await stage.start(actors);
  for (const cron of ["nonsense", "61 * * * *", "0 0 30 2 *"]) await run(system, `cron ${cron}`);
  await stage.settle();
  assert.deepEqual([system.deadLetters.size, await stage.keys("timer", "schedule")], [3, []]);
});

onEach(kinds, "a schedule is set from outside, listed, and cancelled", async (stage) => {
  const system = await stage.start(actors);
  const ada = ref(system, "ada");
  const nightly = () =>
    system.schedule("nightly", { cron: "0 2 * * *", timeZone: "Europe/Berlin" }, ada.at(Worker.note), "x");
  await nightly();
  await nightly();
  await run(system, "every 4000 a");
  await system.schedule("once", { afterMs: hourMs }, ref(system, "bob").at(Worker.note), "x");
  await ada.tell(Worker.note, "delayed", { afterMs: hourMs }); // no schedule of anybody
  const adas = ["ada nightly cron,timeZone note", "ada tea everyMs note"];
  await stage.settle();
  assert.deepEqual(await list(system.schedules(ada)), adas);
  assert.deepEqual(await list(system.schedules({ protocol: "worker" })), [...adas, "bob once at note"]);
  assert.deepEqual(await list(system.schedules()), [...adas, "bob once at note"]);
  assert.deepEqual(await list(system.schedules({ protocol: "nobody" })), []);
  assert.equal(await system.cancelSchedule(ada, "tea"), true);
  assert.equal(await system.cancelSchedule(ada, "tea"), false);
  assert.equal(await system.cancelSchedule({ protocol: "worker", key: "nobody" }, "tea"), false);
  await run(system, "erase");
  await stage.settle();
  assert.deepEqual(await list(system.schedules()), ["bob once at note"]);
});

onEach(
  kinds,
  "whether a schedule was cancelled is what the store says: one that has fired was not",
  async (stage) => {
    const system = await stage.start(actors);
    const ada = ref(system, "ada");
    await system.schedule("once", { afterMs: 1_000 }, ada.at(Worker.note), "x");
    await stage.pass(2_000);
    assert.equal(await system.cancelSchedule(ada, "once"), false);
    assert.deepEqual(await notesOf(system, "ada"), ["x"]);
  },
);

onEach(sharedKinds, "two processes that set the same at their start have one schedule", async (stage) => {
  const [first, second] = [await stage.start(actors), await stage.start(actors)];
  const set = (system: System) =>
    system.schedule("tick", { everyMs: 4_000 }, ref(system, "ada").at(Worker.note), "x");
  await Promise.all([set(first), set(second)].map(async (done) => {
    await stage.pass(500, 100);
    await done;
  }));
  await stage.pass(8_200, 100);
  assert.equal((await notesOf(first, "ada") as string[]).length, 2);
});

onEach(kinds, "many schedules are listed page by page", async (stage) => {
  const system = await stage.start(actors);
  await Promise.all(
    Array.from(
      { length: 250 },
      (_, n) => system.schedule("s", { afterMs: hourMs }, ref(system, `k${n}`).at(Worker.note), "x"),
    ),
  );
  const { lists } = stage.storeOf(system);
  lists.clear();
  assert.equal((await list(system.schedules())).length, 250);
  assert.equal(lists.get("timer"), 3);
});
