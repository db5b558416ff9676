// Schedules are in the store: each fires once, on any instance that runs when it is due.

import assert from "node:assert/strict";
import { TerminalError } from "@posthorn/posthorn";
import {
  inMemory,
  kinds,
  missedMs,
  note,
  notesOf,
  onEach,
  ref,
  sharedKinds,
  Worker,
  worker,
  type WorkerContext,
} from "./durable_stage.ts";

const scripts = {
  once: (ctx: WorkerContext, afterMs: string) =>
    ctx.schedule("tea", { afterMs: Number(afterMs) }, ctx.self.at(Worker.note), `after ${afterMs}`),
  at: (ctx: WorkerContext, atMs: string) =>
    ctx.schedule("tea", { at: new Date(Number(atMs)) }, ctx.self.at(Worker.note), "at"),
  every: (ctx: WorkerContext, everyMs: string) =>
    ctx.schedule("tea", { everyMs: Number(everyMs) }, ctx.self.at(Worker.note), "tick"),
  cancel: (ctx: WorkerContext) => ctx.cancel("tea"),
  erase: (ctx: WorkerContext) => ctx.erase(),
};
const actors = [worker(scripts)];

onEach(kinds, "once: it fires after its time, and not again", async (stage) => {
  const system = await stage.start(actors);
  await ref(system, "ada").tell(Worker.run, "once 5000");
  await stage.pass(4_900);
  assert.deepEqual(await notesOf(system, "ada"), []);
  await stage.pass(100);
  assert.deepEqual(await notesOf(system, "ada"), ["after 5000"]);
  await stage.pass(20_000);
  assert.deepEqual(await notesOf(system, "ada"), ["after 5000"]);
});

onEach(kinds, "at: it fires at that time, and at once if that has passed", async (stage) => {
  const system = await stage.start(actors);
  await ref(system, "ada").tell(Worker.run, `at ${stage.clock.now() + 3_000}`);
  await ref(system, "bob").tell(Worker.run, `at ${stage.clock.now() - 3_000}`);
  await stage.settle();
  await stage.pass(1);
  assert.deepEqual([await notesOf(system, "ada"), await notesOf(system, "bob")], [[], ["at"]]);
  await stage.pass(3_000);
  assert.deepEqual(await notesOf(system, "ada"), ["at"]);
});

onEach(kinds, "every: it fires at each tick, also if ticks are closer than heartbeats", async (stage) => {
  const system = await stage.start(actors);
  await ref(system, "ada").tell(Worker.run, "every 100");
  await stage.pass(1_000, 50);
  assert.equal((await notesOf(system, "ada") as string[]).length, 10);
});

onEach(kinds, "every: ticks that were missed come as one, and then in time again", async (stage) => {
  const first = await stage.start(actors);
  await ref(first, "ada").tell(Worker.run, "every 3000");
  await stage.pass(3_500);
  assert.deepEqual(await notesOf(first, "ada"), ["tick"]);
  await stage.kill(first);
  await stage.pass(20_000);
  const second = await stage.start(actors); // 23.5 s after it was set
  await stage.pass(100);
  assert.deepEqual(await notesOf(second, "ada"), ["tick", "tick"]);
  await stage.pass(400);
  assert.deepEqual(await notesOf(second, "ada"), ["tick", "tick", "tick"], "at 24 s");
  await stage.pass(2_900);
  assert.deepEqual(await notesOf(second, "ada"), ["tick", "tick", "tick"]);
});

onEach(kinds, "a schedule that is due while no process runs fires once when one starts", async (stage) => {
  const first = await stage.start(actors);
  for (const key of ["ada", "bob", "cleo"]) await ref(first, key).tell(Worker.run, "once 5000");
  await stage.settle();
  await stage.kill(first);
  await stage.pass(60_000);
  const second = await stage.start(actors);
  await stage.pass(missedMs);
  for (const key of ["ada", "bob", "cleo"]) assert.deepEqual(await notesOf(second, key), ["after 5000"]);
});

onEach(sharedKinds, "several instances try, and one of them fires", async (stage) => {
  const systems = [await stage.start(actors), await stage.start(actors), await stage.start(actors)];
  for (let index = 0; index < 20; index++) {
    await ref(systems[index % 3], `a${index}`).tell(Worker.run, "once 5000");
  }
  await stage.pass(20_000, 100);
  for (let index = 0; index < 20; index++) {
    assert.deepEqual(await notesOf(systems[0], `a${index}`), ["after 5000"], `a${index}`);
  }
});

onEach(sharedKinds, "another instance fires what a killed one has set, in time", async (stage) => {
  const first = await stage.start(actors);
  const second = await stage.start(actors);
  await ref(first, "ada").tell(Worker.run, "once 5000");
  await stage.settle();
  await stage.kill(first);
  await stage.pass(7_100, 100); // its heartbeats check for due schedules
  assert.deepEqual(await notesOf(second, "ada"), ["after 5000"]);
});

onEach(kinds, "a cancelled schedule does not fire, whichever process set or cancelled it", async (stage) => {
  const first = await stage.start(actors);
  for (const key of ["ada", "bob"]) await ref(first, key).tell(Worker.run, "once 5000");
  await ref(first, "ada").tell(Worker.run, "cancel");
  await stage.settle();
  await stage.kill(first);
  const second = await stage.start(actors);
  await ref(second, "bob").tell(Worker.run, "cancel");
  await stage.pass(20_000);
  assert.deepEqual([await notesOf(second, "ada"), await notesOf(second, "bob")], [[], []]);
});

onEach(kinds, "the same name replaces what it named: sooner, later, or at the same time", async (stage) => {
  const system = await stage.start(actors);
  for (const [key, first, second] of [["ada", 5_000, 3_000], ["bob", 3_000, 5_000], ["cleo", 4_000, 4_000]]) {
    await ref(system, String(key)).tell(Worker.run, `once ${first}`);
    await ref(system, String(key)).tell(Worker.run, `once ${second}`);
  }
  await stage.pass(20_000);
  assert.deepEqual(await notesOf(system, "ada"), ["after 3000"]);
  assert.deepEqual(await notesOf(system, "bob"), ["after 5000"]);
  assert.deepEqual(await notesOf(system, "cleo"), ["after 4000"]);
});

onEach(kinds, "the schedules of an erased actor do not fire", async (stage) => {
  const system = await stage.start(actors);
  await ref(system, "ada").tell(Worker.run, "once 5000");
  await ref(system, "ada").tell(Worker.run, "erase");
  await stage.pass(20_000);
  assert.deepEqual(await notesOf(system, "ada"), []);
});

inMemory("a turn that fails sets no schedule, and cancels none", async (stage) => {
  const system = await stage.start([worker({
    ...scripts,
    failing(ctx) {
      ctx.cancel("tea");
      ctx.schedule("coffee", { afterMs: 1 }, ctx.self.at(Worker.note), "never");
      throw new TerminalError("No");
    },
  })]);
  await ref(system, "ada").tell(Worker.run, "once 5000");
  await ref(system, "ada").tell(Worker.run, "failing");
  await stage.pass(20_000);
  assert.deepEqual(await notesOf(system, "ada"), ["after 5000"]);
});

inMemory("more than a page of schedules at one time: all fire, once each", async (stage) => {
  const system = await stage.start([worker({
    many(ctx) {
      for (let index = 0; index < 350; index++) {
        ctx.schedule(`tea ${index}`, { afterMs: 5_000 }, ctx.self.at(Worker.note), String(index));
      }
    },
  })]);
  await ref(system, "ada").tell(Worker.run, "many");
  await stage.pass(10_000);
  const notes = await notesOf(system, "ada") as string[];
  assert.deepEqual(notes.map(Number).sort((a, b) => a - b), Array.from({ length: 350 }, (_, index) => index));
});

inMemory("an actor has at most a thousand schedules, and those that fired make room", async (stage) => {
  const system = await stage.start([worker({
    fill(ctx, from) {
      for (let index = 0; index < 600; index++) {
        ctx.schedule(`${from} ${index}`, { afterMs: 5_000 }, ctx.self.at(Worker.note), "fired");
      }
      note(ctx, from);
    },
  }, { retry: { attempts: 1 } })]);
  await ref(system, "ada").tell(Worker.run, "fill a");
  await ref(system, "ada").tell(Worker.run, "fill b");
  await stage.settle();
  assert.deepEqual(await notesOf(system, "ada"), ["a"]);
  assert.match(system.deadLetters.list()[0]?.message, /it would have 1200 of 1000 schedules/);
  await stage.pass(10_000);
  await ref(system, "ada").tell(Worker.run, "fill c");
  await stage.settle();
  assert.equal((await notesOf(system, "ada") as string[]).at(-1), "c");
});
