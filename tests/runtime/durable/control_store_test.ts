// What an operator does through a store, without being an instance of the system.

import assert from "node:assert/strict";
import { TerminalError } from "@posthorn/posthorn";
import { memoryStore } from "@posthorn/posthorn/memory";
import { controlStore, type OpenedControl } from "@posthorn/posthorn/store";
import {
  inMemory,
  kinds,
  missedMs,
  note,
  notesOf,
  onEach,
  ref,
  sharedKinds,
  type Stage,
  Worker,
  worker,
  type WorkerContext,
} from "./durable_stage.ts";

const heartbeatMs = 2_100;

function breakable(isMended: () => boolean) {
  return {
    mend(ctx: WorkerContext, text: string) {
      if (!isMended()) throw new TerminalError("Broken", { code: "broken" });
      note(ctx, text);
    },
    later: (ctx: WorkerContext) => (ctx as unknown as { later(): unknown }).later(),
  };
}

/** What can be done from outside to the store of a stage. */
function outside(stage: Stage): Promise<OpenedControl> {
  return controlStore(stage.store, { clock: stage.clock });
}

/** Lets time pass until a promise has settled. */
async function during<Result>(stage: Stage, promise: Promise<Result>): Promise<Result> {
  let isOver = false;
  promise.then(() => isOver = true, () => isOver = true);
  while (!isOver) await stage.pass(100, 100);
  return await promise;
}

onEach(
  sharedKinds,
  "a dead letter that is resent from outside is handled by an instance that lives",
  async (stage) => {
    let isMended = false;
    const system = await stage.start([worker(breakable(() => isMended))]);
    for (const id of ["1", "2", "3"]) await ref(system, "ada").tell(Worker.run, `mend ${id}`, { id });
    await stage.settle();
    isMended = true;
    await using control = await outside(stage);
    await control.resend("2");
    assert.equal(await control.discard("1"), true);
    assert.equal(await control.discard("1"), false);
    await stage.pass(heartbeatMs);
    assert.deepEqual(await notesOf(system, "ada"), ["2"]);
    assert.deepEqual(system.deadLetters.list().map(({ id }) => id), ["3"]);
    assert.deepEqual(await control.resendAll({ reason: "broken" }), { done: 1, failed: 0, more: false });
    assert.deepEqual(await control.discardAll({}), { done: 0, failed: 0, more: false });
    await stage.pass(heartbeatMs);
    assert.deepEqual(await notesOf(system, "ada"), ["2", "3"]);
    assert.deepEqual(await stage.keys("dead", "mail"), []);
  },
);

onEach(kinds, "what is done while no instance runs takes effect when one starts", async (stage) => {
  let isMended = false;
  const actors = [worker(breakable(() => isMended))];
  const system = await stage.start(actors);
  await ref(system, "ada").tell(Worker.run, "mend 1", { id: "1" });
  await system.schedule("tick", { everyMs: 1_000 }, ref(system, "ada").at(Worker.note), "tick");
  await stage.settle();
  await system.control.pause("worker");
  const { id } = await ref(system, "bob").submit(Worker.job, "mend bob");
  await stage.kill(system);
  isMended = true;
  const control = await outside(stage);
  assert.equal(await control.cancelSchedule({ protocol: "worker", key: "ada" }, "tick"), true);
  assert.equal(await control.cancelSchedule({ protocol: "worker", key: "ada" }, "tick"), false);
  assert.equal(await control.cancelRequest(id), "cancelled");
  await control.resend("1");
  await control.resume("worker");
  await control[Symbol.asyncDispose]();
  const next = await stage.start(actors);
  await stage.pass(missedMs);
  assert.deepEqual(await notesOf(next, "ada"), ["1"]);
  assert.deepEqual(await notesOf(next, "bob"), []);
  await assert.rejects(next.ticket(id).reply(), { code: "cancelled" });
});

onEach(
  sharedKinds,
  "a pause from outside is obeyed by the instances that live, and by those that start",
  async (stage) => {
    const system = await stage.start([worker()]);
    await using control = await outside(stage);
    await control.pause("worker");
    await stage.pass(heartbeatMs);
    await ref(system, "ada").tell(Worker.note, "one");
    const other = await stage.start([worker()]);
    await stage.pass(heartbeatMs);
    assert.deepEqual([system.stats().done, other.stats().done], [0, 0]);
    await control.resume("worker");
    await stage.pass(heartbeatMs);
    assert.deepEqual(await notesOf(system, "ada"), ["one"]);
  },
);

onEach(
  sharedKinds,
  "a request that is answered later is withdrawn from outside by an instance that lives",
  async (stage) => {
    const system = await stage.start([worker(breakable(() => true))]);
    const { id } = await ref(system, "ada").submit(Worker.job, "later");
    await stage.settle();
    await using control = await outside(stage);
    assert.equal(await during(stage, control.cancelRequest(id)), "withdrawn");
    assert.equal(await control.cancelRequest(id), "withdrawn");
    await assert.rejects(system.ticket(id).reply(), { code: "cancelled" });
  },
);

inMemory("a request that nobody decides is pending, and what is not known is refused", async (stage) => {
  const system = await stage.start([worker(breakable(() => true))]);
  const { id } = await ref(system, "ada").submit(Worker.job, "later");
  await stage.settle();
  await stage.kill(system);
  await using control = await outside(stage);
  await assert.rejects(during(stage, control.cancelRequest(id, { timeoutMs: 1_000 })), {
    code: "deadline",
  });
  await assert.rejects(control.cancelRequest("nothing"), { code: "unknown-reply" });
  await assert.rejects(control.cancelRequest(id, { caller: "somebody" }), {
    code: "unknown-reply",
    message: `Cannot take back the request of the reply ${id}: no such reply is kept`,
  });
  await assert.rejects(control.resend("nothing"), { code: "unknown-dead-letter" });
  await assert.rejects(control.pause("~later"), RangeError);
  await assert.rejects(control.cancelSchedule({ protocol: "~delayed", key: "x" }, "x"), RangeError);
  await assert.rejects(control.cancelSchedule({ protocol: "worker", key: "x" }, ""), {
    name: "RangeError",
    message: 'Cannot cancel the schedule "": a name is 1 to 512 bytes of text: it is empty',
  });
  const asMap = new Map([["protocol", "x"]]);
  for (
    const odd of [
      { protocl: "x" },
      asMap,
      new URLSearchParams({ reason: "x" }),
      [],
      Object.create({ reason: "x" }),
    ]
  ) {
    await assert.rejects(control.resendAll(odd), TypeError);
    await assert.rejects(control.discardAll(odd), TypeError);
  }
  assert.deepEqual(await control.discardAll(Object.create(null)), { done: 0, failed: 0, more: false });
  for (const odd of [undefined, null, 5, {}] as unknown as string[]) {
    await assert.rejects(control.cancelRequest(odd), {
      code: "unknown-reply",
      message: /^Cannot take back the request of the reply of a /,
    });
    const caller = odd ?? 7 as unknown as string;
    await assert.rejects(control.cancelRequest("R01M8E5J646MDD6EGMSXHF28181", { caller }), {
      code: "unknown-reply",
      message: /^Cannot take back the request of the reply "R01/,
    });
  }
  for (let count = 0; count < 999; count++) await control.pause(`p${count}`);
  await control.pause("last");
  await assert.rejects(control.pause("over"), { code: "too-many-paused" });
  await control.resume("p7");
  await control.pause("over");
});

inMemory("what is under way when it is disposed of says so, and names no system", async (stage) => {
  const system = await stage.start([worker(breakable(() => true))]);
  const { id } = await ref(system, "ada").submit(Worker.job, "later");
  await stage.settle();
  await stage.kill(system);
  const control = await outside(stage);
  const cancelled = assert.rejects(control.cancelRequest(id), {
    code: "stopping",
    message: `Cannot take back the request of the reply ${id}: this control was disposed of`,
  });
  await stage.pass(1_000);
  const paused = assert.rejects(control.pause("worker"), {
    code: "store-closed",
    message: "Cannot commit: this control was disposed of",
  });
  await during(stage, Promise.all([control[Symbol.asyncDispose](), cancelled, paused]));
});

inMemory("it writes nothing of itself, and leaves a store alone that no system has used", async (stage) => {
  await assert.rejects(controlStore(memoryStore()), { code: "unknown-format" });
  const system = await stage.start([worker()]);
  const before = await stage.keys("instance", "ended", "index", "proof");
  await using _ = await outside(stage);
  assert.deepEqual(await stage.keys("instance", "ended", "index", "proof"), before);
  await system.stop();
});

inMemory("a store that does not answer is not waited for without end", async (stage) => {
  const silent = { ...stage.store, open: () => new Promise<never>(() => {}) };
  const refused = assert.rejects(controlStore(silent, { clock: stage.clock }), {
    code: "store-unavailable",
    message: /Cannot control memory: it did not answer within 15000 ms/,
  });
  await stage.clock.advance(15_000);
  await refused;
});
