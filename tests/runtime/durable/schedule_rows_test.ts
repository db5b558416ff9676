// The rows of schedules in the store: only those that the present schedules need, whatever was set before.

import assert from "node:assert/strict";
import {
  inMemory,
  kinds,
  notesOf,
  onEach,
  ref,
  sharedKinds,
  Worker,
  worker,
  type WorkerContext,
} from "./durable_stage.ts";

const day = 86_400_000;
const scripts = {
  once: (ctx: WorkerContext, afterMs: string) =>
    ctx.schedule("tea", { afterMs: Number(afterMs) }, ctx.self.at(Worker.note), "x".repeat(100_000)),
  every: (ctx: WorkerContext, everyMs: string) =>
    ctx.schedule("tea", { everyMs: Number(everyMs) }, ctx.ref(Worker, "bob").at(Worker.note), "tick"),
  cancel: (ctx: WorkerContext) => ctx.cancel("tea"),
  slide(ctx: WorkerContext) {
    ctx.cancel("tea");
    ctx.schedule("tea", { afterMs: 1_000 }, ctx.self.at(Worker.note), "slid");
  },
  twice(ctx: WorkerContext) {
    ctx.schedule("tea", { afterMs: 500 }, ctx.self.at(Worker.note), "never");
    ctx.cancel("tea");
    ctx.schedule("tea", { afterMs: 1_000 }, ctx.self.at(Worker.note), "at last");
  },
  unslide(ctx: WorkerContext) {
    ctx.schedule("tea", { afterMs: 1_000 }, ctx.self.at(Worker.note), "never");
    ctx.cancel("tea");
  },
  erase: (ctx: WorkerContext) => ctx.erase(),
  nothing() {},
};
const actors = [worker(scripts)];

onEach(
  kinds,
  "the last change of a schedule counts, within one turn and in turns that are committed together",
  async (stage) => {
    const system = await stage.start(actors);
    await ref(system, "a").tell(Worker.run, "slide");
    await ref(system, "b").tell(Worker.run, `once ${day}`);
    await ref(system, "b").tell(Worker.run, "slide");
    await ref(system, "c").tell(Worker.run, "twice");
    await ref(system, "d").tell(Worker.run, "unslide");
    const together = (key: string, ...lines: string[]) =>
      Promise.all(lines.map((line) => ref(system, key).tell(Worker.run, line)));
    await together("e", "nothing", `once ${day}`, "cancel", "slide");
    await together("f", "nothing", "cancel", "slide");
    await together("g", "nothing", "slide", "cancel");
    await stage.settle();
    assert.equal((await stage.keys("schedule")).length, 5);
    await stage.pass(5_000);
    for (const key of ["a", "b", "e", "f"]) assert.deepEqual(await notesOf(system, key), ["slid"], key);
    assert.deepEqual(await notesOf(system, "c"), ["at last"]);
    for (const key of ["d", "g"]) assert.deepEqual(await notesOf(system, key), [], key);
    assert.deepEqual(await stage.keys("schedule", "timer"), []);
  },
);

onEach(
  kinds,
  "a schedule that is set anew has its two rows, and none when it is cancelled",
  async (stage) => {
    const system = await stage.start(actors);
    for (let count = 1; count <= 30; count++) {
      await ref(system, "ada").tell(Worker.run, `once ${day + count}`);
      await stage.pass(10, 10);
    }
    assert.equal((await stage.keys("schedule", "timer")).length, 2);
    await ref(system, "ada").tell(Worker.run, "cancel");
    await stage.settle();
    assert.deepEqual(await stage.keys("schedule", "timer"), []);
  },
);

onEach(
  kinds,
  "a schedule that repeats is gone when it is cancelled, however often it has fired",
  async (stage) => {
    const first = await stage.start(actors);
    for (const key of ["ada", "cleo"]) await ref(first, key).tell(Worker.run, "every 3000");
    await stage.pass(10_000);
    await ref(first, "ada").tell(Worker.run, "every 5000");
    await stage.pass(7_000);
    await ref(first, "ada").tell(Worker.run, "cancel");
    await stage.settle();
    assert.equal((await stage.keys("schedule", "timer")).length, 2, "those of cleo");
    await stage.kill(first);
    const second = await stage.start(actors);
    await stage.pass(7_000);
    await ref(second, "cleo").tell(Worker.run, "erase");
    await stage.settle();
    assert.deepEqual(await stage.keys("schedule", "timer"), []);
  },
);

onEach(kinds, "an actor that is erased leaves no record, and no row of its schedules", async (stage) => {
  const system = await stage.start(actors);
  await ref(system, "ada").tell(Worker.note, "tea");
  await ref(system, "ada").tell(Worker.run, `once ${day}`);
  await stage.settle();
  await Promise.all([
    ref(system, "ada").tell(Worker.run, "every 5000"),
    ref(system, "ada").tell(Worker.run, "erase"),
  ]);
  await stage.settle();
  assert.deepEqual(await stage.keys("actor", "schedule", "timer"), []);
  await stage.pass(10_000);
  assert.deepEqual(await stage.keys("actor", "index", "mail"), []);
  await ref(system, "ada").tell(Worker.note, "coffee");
  assert.deepEqual(await notesOf(system, "ada"), ["coffee"], "it begins anew, and goes on");
  await ref(system, "ada").tell(Worker.note, "milk");
  assert.deepEqual(await notesOf(system, "ada"), ["coffee", "milk"]);
});

inMemory("the row that an erased actor leaves is deleted after five minutes", async (stage) => {
  const system = await stage.start(actors);
  for (let count = 0; count < 20; count++) await ref(system, `a${count}`).tell(Worker.run, "erase");
  await stage.settle();
  await stage.pass(299_000, 10_000);
  assert.equal((await stage.keys("erased")).length, 20);
  await stage.pass(20_000, 10_000);
  assert.deepEqual(await stage.keys("erased", "actor"), []);
});

inMemory("the last row of an erased actor expires even if a clock was years ahead", async (stage) => {
  const wrong = await stage.start(actors, { aheadMs: 1_000 * day });
  await ref(wrong, "ada").tell(Worker.note, "from the future");
  await stage.settle();
  await stage.kill(wrong);
  const system = await stage.start(actors);
  assert.deepEqual(await notesOf(system, "ada"), ["from the future"]);
  await ref(system, "ada").tell(Worker.run, "erase");
  await stage.settle();
  assert.equal((await stage.keys("erased")).length, 1);
  await stage.pass(day, 3_600_000);
  await stage.pass(400_000, 10_000);
  assert.deepEqual(await stage.keys("erased"), []);
});

onEach(
  sharedKinds,
  "the next life of an actor comes behind the first also where its instance was ahead, and is gone for long",
  async (stage) => {
    const worked = Promise.withResolvers<void>();
    const all = [worker({
      busy: () => worked.promise,
      once(ctx, text) {
        ctx.ref(Worker, "bob").tell(Worker.note, text);
        ctx.erase();
      },
    })];
    const ahead = await stage.start(all, { aheadMs: 1_800_000 });
    await ref(ahead, "bob").tell(Worker.run, "busy");
    await ref(ahead, "ada").tell(Worker.run, "once first");
    await stage.pass(600_000, 10_000);
    await stage.kill(ahead);
    const next = await stage.start(all);
    await ref(next, "ada").tell(Worker.run, "once second");
    worked.resolve();
    await stage.pass(30_000);
    assert.deepEqual(await notesOf(next, "bob"), ["first", "second"]);
  },
);

inMemory("schedules that fired make room at once, also if they go to another actor", async (stage) => {
  const system = await stage.start([worker({
    set: (ctx, name) => ctx.schedule(name, { afterMs: 1 }, ctx.ref(Worker, "bob").at(Worker.run), "nothing"),
    keep: (ctx, name) => ctx.schedule(name, { afterMs: day }, ctx.self.at(Worker.note), ""),
    nothing() {},
  }, { retry: { attempts: 1 } })]);
  for (let count = 0; count < 999; count++) await ref(system, "ada").tell(Worker.run, `keep k${count}`);
  for (let count = 0; count < 20; count++) {
    await ref(system, "ada").tell(Worker.run, `set s${count}`);
    await stage.pass(10, 10);
  }
  assert.deepEqual(system.deadLetters.list(), []);
  await ref(system, "ada").tell(Worker.run, "keep one");
  await ref(system, "ada").tell(Worker.run, "keep another");
  await stage.settle();
  assert.deepEqual(system.deadLetters.list().map(({ reason }) => reason), ["failed"], "1,001 at one time");
  assert.match(system.deadLetters.list()[0].message, /it would have 1001 of 1000 schedules/);
});
