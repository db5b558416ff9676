// Delayed tells and submits with a store: they are rows until they are due, and any instance sends them, once.

import assert from "node:assert/strict";
import { actor, type Address, protocol, tell, unchecked } from "@posthorn/posthorn";
import type { StoredSchedule } from "../../../runtime/durable/rows/schedule_row.ts";
import { decodeValue, encodeValue } from "../../../runtime/durable/rows/value_codec.ts";
import {
  deadOf,
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

const Passing = protocol("passing", { note: tell(unchecked<string>()) });

const scripts = {
  later: (ctx: WorkerContext, afterMs: string) =>
    ctx.ref(Worker, "bob").tell(Worker.note, `after ${afterMs}`, { afterMs: Number(afterMs) }),
  many: (ctx: WorkerContext, count: string) => {
    for (let n = 0; n < Number(count); n++) {
      ctx.ref(Worker, "bob").tell(Worker.note, `${n}`, { afterMs: 5_000 });
    }
  },
  job: (ctx: WorkerContext) =>
    void ctx.ref(Worker, "bob").submit(Worker.job, "answer", {
      afterMs: 5_000,
      replyTo: ctx.self.at(Worker.run) as Address<unknown>,
    }),
  pass: (ctx: WorkerContext) => ctx.ref(Passing, "x").tell(Passing.note, "passed", { afterMs: 5_000 }),
  fail: (ctx: WorkerContext) => {
    ctx.ref(Worker, "bob").tell(Worker.note, "never", { afterMs: 10 });
    throw new Error("no");
  },
  answer: (ctx: WorkerContext) => {
    note(ctx, "job done");
    return "answered";
  },
};
const actors = [worker({ ...scripts, answered: (ctx) => note(ctx, "answered") }, { retry: { attempts: 1 } })];

onEach(kinds, "a delayed tell is handled when it is due, once, and leaves no row", async (stage) => {
  const system = await stage.start(actors);
  await ref(system, "ada").tell(Worker.note, "after", { afterMs: 5_000 });
  await ref(system, "ada").tell(Worker.note, "at", { at: new Date(stage.clock.now() + 3_000) });
  await ref(system, "ada").tell(Worker.note, "now");
  await stage.pass(2_900);
  assert.deepEqual([await notesOf(system, "ada"), system.stats().delayed], [["now"], 2]);
  await stage.pass(100);
  assert.deepEqual(await notesOf(system, "ada"), ["now", "at"]);
  await stage.pass(2_000);
  assert.deepEqual([await notesOf(system, "ada"), system.stats().delayed], [["now", "at", "after"], 0]);
  await stage.pass(20_000);
  assert.deepEqual(await notesOf(system, "ada"), ["now", "at", "after"]);
  assert.deepEqual(await stage.keys("timer", "schedule", "mail"), []);
});

onEach(
  kinds,
  "a delayed message survives its process, and its receiver is not loaded before",
  async (stage) => {
    const first = await stage.start(actors);
    await ref(first, "ada").tell(Worker.note, "kept", { afterMs: 5_000 });
    assert.equal(first.stats().protocols.worker.actors, 0);
    await stage.kill(first);
    await stage.pass(20_000);
    const second = await stage.start(actors);
    await stage.pass(missedMs);
    assert.deepEqual(await notesOf(second, "ada"), ["kept"]);
  },
);

onEach(sharedKinds, "of two instances one sends it", async (stage) => {
  const [first, second] = [await stage.start(actors), await stage.start(actors)];
  await Promise.all(
    Array.from({ length: 20 }, (_, n) => ref(first, "ada").tell(Worker.note, `${n}`, { afterMs: 3_000 })),
  );
  await stage.pass(10_000, 500);
  assert.equal((await notesOf(second, "ada") as string[]).length, 20);
});

onEach(
  kinds,
  "the ticket of a delayed submit waits for the reply, here and after a restart",
  async (stage) => {
    const options = { replyRetentionMs: 1_000 };
    const first = await stage.start(actors, options);
    const ticket = await ref(first, "ada").submit(Worker.job, "answer", { afterMs: 10_000 });
    await stage.pass(9_000);
    await assert.rejects(ticket.reply({ timeoutMs: 0 }), { name: "ReplyPendingError" });
    await stage.kill(first);
    const second = await stage.start(actors, options);
    await stage.pass(1_500, 100);
    assert.equal(await second.ticket(ticket.id).reply(), "answered");
  },
);

onEach(kinds, "an id of a delayed message is known until the window after it was due", async (stage) => {
  const system = await stage.start(actors, { deduplicationWindowMs: 1_000 });
  const send = () => ref(system, "ada").submit(Worker.job, "answer", { afterMs: 5_000, id: "a" });
  const { id } = await send();
  await stage.pass(3_000);
  assert.equal((await send()).id, id);
  await stage.pass(2_500, 100);
  assert.equal((await send()).id, id);
  await assert.rejects(ref(system, "ada").submit(Worker.job, "other", { id: "a" }), { code: "id-reused" });
  await stage.pass(1_000, 100);
  assert.notEqual((await send()).id, id);
  await stage.pass(6_000);
  assert.deepEqual(await notesOf(system, "ada"), ["job done", "job done"]);
});

onEach(kinds, "a turn's delayed messages are in its commit, and in none if it fails", async (stage) => {
  const system = await stage.start(actors);
  await ref(system, "ada").tell(Worker.run, "later 5000");
  await ref(system, "ada").tell(Worker.run, "job");
  await ref(system, "ada").tell(Worker.run, "fail");
  await stage.pass(4_900, 100);
  assert.deepEqual(await notesOf(system, "bob"), []);
  await stage.pass(1_000, 100);
  assert.deepEqual((await notesOf(system, "bob") as string[]).toSorted(), ["after 5000", "job done"]);
  assert.deepEqual([await notesOf(system, "ada"), deadOf(system)], [["answered"], ["ada run: failed"]]);
});

onEach(kinds, "the deadline counts from when it is due, also if no process ran then", async (stage) => {
  const first = await stage.start(actors);
  await ref(first, "ada").tell(Worker.note, "in time", { afterMs: 5_000, timeoutMs: 2_000 });
  await stage.pass(6_000);
  assert.deepEqual(await notesOf(first, "ada"), ["in time"]);
  await ref(first, "ada").tell(Worker.note, "late", { afterMs: 5_000, timeoutMs: 2_000 });
  await stage.kill(first);
  await stage.pass(20_000);
  const second = await stage.start(actors);
  await stage.pass(missedMs);
  assert.deepEqual([await notesOf(second, "ada"), deadOf(second)], [["in time"], ["ada note: deadline"]]);
});

onEach(kinds, "an erased actor still gets what was delayed", async (stage) => {
  const system = await stage.start(actors);
  await ref(system, "ada").tell(Worker.note, "kept", { afterMs: 5_000 });
  await system.signal({ protocol: "worker", key: "ada" }, "erase");
  await stage.pass(6_000);
  assert.deepEqual(await notesOf(system, "ada"), ["kept"]);
});

onEach(kinds, "if the clock is set back, a delay does not become longer", async (stage) => {
  const system = await stage.start(actors);
  await ref(system, "ada").tell(Worker.note, "kept", { afterMs: 5_000, timeoutMs: 2_000 });
  stage.step(system, -60_000);
  await stage.pass(6_000);
  assert.deepEqual([await notesOf(system, "ada"), deadOf(system)], [["kept"], []]);
});

inMemory(
  "a transient actor gets what a durable turn delays, and what waits for it from outside",
  async (stage) => {
    const heard: string[] = [];
    const passing = actor(Passing, {
      state: () => null,
      on: { note: (_ctx, text) => void heard.push(text) },
      transient: true,
    });
    const system = await stage.start([...actors, passing]);
    await ref(system, "ada").tell(Worker.run, "pass");
    await system.ref(Passing, "x").tell(Passing.note, "outside", { afterMs: 4_000 });
    await stage.pass(3_900, 100);
    assert.deepEqual([heard, system.stats().delayed], [[], 2]);
    await stage.pass(2_000, 100);
    assert.deepEqual(heard, ["outside", "passed"]);
  },
);

onEach(kinds, "delayed messages have a bound, counted in the store", async (stage) => {
  const options = { limits: { delayed: 3 } };
  const first = await stage.start(actors, options);
  const send = (afterMs = 5_000, id?: string) =>
    ref(first, "ada").tell(Worker.note, "x", { afterMs, ...(id !== undefined && { id }) });
  await send(5_000, "first");
  await send();
  await stage.kill(first);
  const second = await stage.start(actors, options);
  const more = () => ref(second, "ada").tell(Worker.note, "x", { afterMs: 5_000 });
  await more();
  await assert.rejects(more(), {
    code: "too-many-delayed",
    message: "Cannot delay worker/ada note: 3 of 3 delayed messages wait",
  });
  await ref(second, "ada").tell(Worker.note, "x", { afterMs: 5_000, id: "first" }); // a repeat is no new message
  await stage.pass(missedMs);
  await more();
  assert.equal((await notesOf(second, "ada") as string[]).length, 3);
});

onEach(kinds, "delayed messages that come at the same time count together", async (stage) => {
  for (const limits of [{ delayed: 3 }, { delayedBytes: 4_000 }]) {
    const system = await stage.start(actors, { limits });
    const text = "x".repeat(1_000);
    const sent = Array.from(
      { length: 20 },
      () => ref(system, "ada").tell(Worker.note, text, { afterMs: 5_000 }),
    );
    const told = await Promise.allSettled(sent);
    const accepted = told.filter(({ status }) => status === "fulfilled").length;
    assert.ok(accepted >= 2 && accepted <= 3, `${accepted}`);
    await stage.pass(6_000);
    await ref(system, "ada").tell(Worker.note, text, { afterMs: 5_000 }); // there is room again
    await stage.pass(6_000);
    await stage.kill(system);
  }
});

inMemory("the delayed messages of one turn count together", async (stage) => {
  const system = await stage.start(actors, { limits: { delayed: 1 } });
  await ref(system, "ada").tell(Worker.run, "many 13");
  await stage.settle();
  assert.deepEqual(deadOf(system), Array(3).fill("bob note: too-many-delayed"));
});

inMemory(
  "a turn's delayed messages have ten times the room, and then they are dead letters",
  async (stage) => {
    const system = await stage.start(actors, { limits: { delayed: 1 } });
    for (let n = 0; n < 11; n++) await ref(system, "ada").tell(Worker.run, "later 5000");
    await stage.settle();
    assert.deepEqual(deadOf(system), ["bob note: too-many-delayed"]);
  },
);

onEach(
  ["denoKv"],
  "a delayed message that no commit could send is refused when it is sent",
  async (stage) => {
    const system = await stage.start(actors);
    const large = "x".repeat(stage.store.traits.limits.bytes * 2);
    await assert.rejects(ref(system, "ada").tell(Worker.note, large, { afterMs: 5_000 }), {
      code: "too-large",
    });
    assert.deepEqual(await stage.keys("timer", "schedule"), []);
  },
);

onEach(
  kinds,
  "delayed messages that are due together wait for room in the mailbox, and none is lost",
  async (stage) => {
    const held = Promise.withResolvers<void>();
    const hold = worker({ ...scripts, hold: () => held.promise }, { mailbox: { capacity: 1 } });
    const system = await stage.start([hold]);
    const tags = Array.from({ length: 25 }, (_, n) => `${n}`);
    for (const tag of tags) await ref(system, "ada").tell(Worker.note, tag, { afterMs: 3_000 });
    await ref(system, "ada").tell(Worker.run, "hold");
    await stage.pass(10_000, 500);
    assert.deepEqual(deadOf(system), []);
    assert.ok(system.stats().waiting <= 10, `${system.stats().waiting} messages wait`);
    held.resolve();
    await stage.pass(30_000, 500);
    assert.deepEqual([deadOf(system), system.stats().delayed], [[], 0]);
    const notes = await notesOf(system, "ada") as string[];
    assert.deepEqual(notes.toSorted(), tags.toSorted());
  },
);

onEach(kinds, "an unreadable delayed row stops nothing beside it", async (stage) => {
  const system = await stage.start(actors);
  await ref(system, "ada").tell(Worker.note, "spoiled", { afterMs: 5_000 });
  await ref(system, "ada").tell(Worker.note, "kept", { afterMs: 5_000 });
  const connection = await stage.store.open({ clock: stage.clock });
  const [{ key, version }] = await connection.list({ prefix: "timer\u001f", limit: 1 });
  const value = new Uint8Array([1, 2, 3]);
  await connection.commit([{
    checks: [{ key, version }],
    writes: [{ key, value }],
    removals: [],
    rings: false,
  }]);
  await connection.close();
  await stage.pass(6_000);
  assert.deepEqual(await notesOf(system, "ada"), ["kept"]);
});

onEach(kinds, "a delayed row that nothing can be made of is reported, and takes no room", async (stage) => {
  const system = await stage.start([worker(scripts, { mailbox: { capacity: 1 } })]);
  const unreadable: string[] = [];
  system.inspect((event) => void (event.type === "unreadable" && unreadable.push(event.row)));
  await ref(system, "ada").tell(Worker.note, "spoiled", { afterMs: 5_000 });
  const connection = await stage.store.open({ clock: stage.clock });
  const [{ key, version, value }] = await connection.list({ prefix: "timer\u001f", limit: 1 });
  const { head, text } = decodeValue<StoredSchedule>(value);
  const spoiled = encodeValue({ ...head, delayed: {} }, text);
  await connection.commit([{
    checks: [{ key, version }],
    writes: [{ key, value: spoiled }],
    removals: [],
    rings: false,
  }]);
  await connection.close();
  await stage.pass(100_000, 1_000);
  // Where one process uses the store at a time, no heartbeat tries it again while nothing else waits.
  const atLeast = stage.store.traits.processes === "one" ? 1 : 10;
  assert.ok(unreadable.length >= atLeast, `${unreadable.length} attempts are reported`);
  await ref(system, "ada").tell(Worker.note, "loaded"); // the mailbox of an actor in memory is looked at
  await ref(system, "ada").tell(Worker.note, "kept", { afterMs: 1_000 });
  await stage.pass(10_000, 500);
  assert.deepEqual(await notesOf(system, "ada"), ["loaded", "kept"]);
});
