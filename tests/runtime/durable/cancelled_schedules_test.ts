// A schedule in a store is cancelled without a turn of its actor.

import assert from "node:assert/strict";
import { actor, protocol, tell, unchecked } from "@posthorn/posthorn";
import {
  kinds,
  note,
  notesOf,
  onEach,
  ref,
  sharedKinds,
  type Stage,
  Worker,
  worker,
} from "./durable_stage.ts";

const Report = protocol("report", { build: tell(unchecked<string>()), old: tell(unchecked<string>()) });
/** The same protocol in a later release, which has lost an operation. */
const Later = protocol("report", { build: tell(unchecked<string>()) });
const minuteMs = 60_000;
const main = { protocol: "report", key: "main" };

/** A process that sets a schedule whose operation, or actor, the next release does not have. It ends. */
async function release(stage: Stage): Promise<void> {
  const first = await stage.start([actor(Report, { state: () => null, on: { build() {}, old() {} } })]);
  const to = first.ref(Report, "main");
  await first.schedule("old", { everyMs: minuteMs }, to.at(Report.old), "x");
  await stage.kill(first);
  await stage.pass(2 * minuteMs, 10_000);
}

const each = (name: string, run: (stage: Stage) => Promise<void>) => onEach(kinds, name, run);

each("the schedule of an operation that a release has lost can be cancelled", async (stage) => {
  await release(stage);
  const built: string[] = [];
  const next = await stage.start([
    actor(Later, { state: () => null, on: { build: (_ctx, text) => void built.push(text) } }),
  ]);
  await stage.pass(2 * minuteMs, 10_000);
  await next.ref(Later, "main").tell(Later.build, "waits behind it");
  await stage.settle();
  assert.deepEqual(built, []);
  assert.equal(await next.cancelSchedule(main, "old"), true);
  assert.equal(await next.cancelSchedule(main, "old"), false);
  assert.deepEqual(await stage.keys("timer"), []);
  await stage.pass(20 * minuteMs, 10_000);
  assert.deepEqual(built, ["waits behind it"]);
  assert.deepEqual(await stage.keys("schedule"), []);
});

each("so can the schedule of an actor that nothing hosts any more", async (stage) => {
  await release(stage);
  const next = await stage.start([]);
  assert.equal(await next.cancelSchedule(main, "old"), true);
  assert.equal(await next.cancelSchedule({ protocol: "nobody", key: "x" }, "old"), false);
  await assert.rejects(next.cancelSchedule({ protocol: "~delayed", key: "x" }, "old"), {
    code: "unknown-protocol",
  });
  assert.deepEqual(await stage.keys("timer"), []);
});

each("an actor sets anew what was cancelled, and its own cancelling of that does nothing", async (stage) => {
  const system = await stage.start([worker({
    set: (ctx) => {
      ctx.schedule("a", { afterMs: 5_000 }, ctx.self.at(Worker.note), "once");
      ctx.schedule("b", { everyMs: 5_000 }, ctx.self.at(Worker.note), "again");
    },
    cancel: (ctx) => {
      ctx.cancel("a");
      ctx.cancel("b");
      note(ctx, "cancelled");
    },
  })]);
  const ada = ref(system, "ada");
  const cancelBoth = async () => {
    assert.equal(await system.cancelSchedule(ada, "a"), true);
    assert.equal(await system.cancelSchedule(ada, "b"), true);
  };
  await ada.ask(Worker.call, "set");
  await cancelBoth();
  await ada.ask(Worker.call, "cancel");
  await ada.ask(Worker.call, "set");
  await cancelBoth();
  await ada.ask(Worker.call, "set");
  await stage.pass(5_000);
  assert.deepEqual((await notesOf(system, "ada") as string[]).toSorted(), ["again", "cancelled", "once"]);
});

onEach(sharedKinds, "of several that cancel a schedule one is told that there was one", async (stage) => {
  const systems = [await stage.start([worker()]), await stage.start([worker()])];
  const to = ref(systems[0], "ada");
  await systems[0].schedule("a", { everyMs: 5_000 }, to.at(Worker.note), "x");
  const told = await Promise.all(
    systems.flatMap((system) => [system.cancelSchedule(to, "a"), system.cancelSchedule(to, "a")]),
  );
  assert.deepEqual(told.toSorted(), [false, false, false, true]);
});
