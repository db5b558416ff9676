// A message with an id is accepted once within its window, for each caller, receiver and operation.

import assert from "node:assert/strict";
import { StoreError, TerminalError } from "@posthorn/posthorn";
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
} from "./durable_stage.ts";
import { asIngress } from "../../as_ingress.ts";

onEach(
  kinds,
  "the same id and payload again changes nothing, in this process and the next",
  async (stage) => {
    const first = await stage.start([worker()]);
    for (let time = 0; time < 3; time++) await ref(first, "ada").tell(Worker.note, "one", { id: "1" });
    assert.deepEqual(await notesOf(first, "ada"), ["one"]);
    await stage.kill(first);
    const second = await stage.start([worker()]);
    await ref(second, "ada").tell(Worker.note, "one", { id: "1" });
    await stage.pass(missedMs);
    assert.deepEqual(await notesOf(second, "ada"), ["one"]);
  },
);

onEach(kinds, "several at once with one id are one", async (stage) => {
  const system = await stage.start([worker()]);
  const sent = Array.from({ length: 20 }, () => ref(system, "ada").tell(Worker.note, "one", { id: "1" }));
  await Promise.all(sent);
  assert.deepEqual(await notesOf(system, "ada"), ["one"]);
});

onEach(kinds, "the same id with another payload is refused, and nothing comes of it", async (stage) => {
  const system = await stage.start([worker()]);
  await ref(system, "ada").tell(Worker.note, "one", { id: "1" });
  const error = { name: "IdConflictError", code: "id-reused" };
  await assert.rejects(ref(system, "ada").tell(Worker.note, "two", { id: "1" }), error);
  await ref(system, "ada").submit(Worker.job, "notes", { id: "1" });
  await assert.rejects(ref(system, "ada").submit(Worker.job, "other", { id: "1" }), error);
  await system.publish(Worker.happened, "de one", { id: "1" });
  await assert.rejects(system.publish(Worker.happened, "de two", { id: "1" }), error);
  assert.deepEqual(await notesOf(system, "ada"), ["one"]);
});

onEach(kinds, "an id is its caller's, its receiver's and its operation's own", async (stage) => {
  const system = await stage.start([worker({ run: (ctx) => note(ctx, "ran") })]);
  await ref(system, "ada").tell(Worker.note, "first", { id: "1" });
  await ref(system, "ada").tell(Worker.note, "of a caller", asIngress({ id: "1", caller: "eve" }));
  await ref(system, "ada").tell(Worker.run, "run", { id: "1" });
  await ref(system, "bob").tell(Worker.note, "another", { id: "1" });
  assert.deepEqual(await notesOf(system, "ada"), ["first", "of a caller", "ran"]);
  assert.deepEqual(await notesOf(system, "bob"), ["another"]);
});

onEach(kinds, "after its window an id is new, with whatever payload", async (stage) => {
  const system = await stage.start([worker()], { deduplicationWindowMs: 60_000 });
  await ref(system, "ada").tell(Worker.note, "one", { id: "1" });
  await stage.pass(59_000); // heartbeats go on: a window ends only while the clocks of others are known
  await ref(system, "ada").tell(Worker.note, "one", { id: "1" });
  assert.deepEqual(await notesOf(system, "ada"), ["one"]);
  await stage.pass(1_000);
  await ref(system, "ada").tell(Worker.note, "two", { id: "1" });
  await ref(system, "ada").tell(Worker.note, "two", { id: "1" });
  assert.deepEqual(await notesOf(system, "ada"), ["one", "two"]);
});

onEach(
  kinds,
  "a submit whose window is over is accepted again, beside the reply of the first",
  async (stage) => {
    const system = await stage.start([worker({ echo: (_ctx, text) => text })], {
      deduplicationWindowMs: 60_000,
    });
    const first = await ref(system, "ada").submit(Worker.job, "echo one", { id: "1" });
    assert.equal(await first.reply(), "one");
    await stage.pass(60_000, 10_000);
    const second = await ref(system, "ada").submit(Worker.job, "echo two", { id: "1" });
    assert.equal(await second.reply(), "two");
    assert.equal(await first.reply(), "one");
  },
);

onEach(kinds, "a submit that is repeated has the first one's ticket and reply", async (stage) => {
  let runs = 0;
  const system = await stage.start([worker({ count: () => ++runs })]);
  const first = await ref(system, "ada").submit(Worker.job, "count", { id: "1" });
  const again = await ref(system, "ada").submit(Worker.job, "count", { id: "1" });
  assert.equal(again.id, first.id);
  assert.deepEqual([await first.reply(), await again.reply(), runs], [1, 1, 1]);
});

onEach(kinds, "requests to two receivers may have one id, and each its own reply", async (stage) => {
  const system = await stage.start([worker({ key: (ctx) => ctx.key })]);
  const tickets = await Promise.all(
    ["ada", "bob"].map((key) => ref(system, key).submit(Worker.job, "key", { id: "1" })),
  );
  assert.deepEqual(await Promise.all(tickets.map((ticket) => ticket.reply())), ["ada", "bob"]);
  assert.notEqual(tickets[0].id, tickets[1].id);
});

onEach(kinds, "an ask with an id is answered as the first was, also by the next process", async (stage) => {
  let runs = 0;
  const actors = [worker({
    count(ctx) {
      runs++;
      note(ctx, "counted");
      return runs;
    },
  })];
  const first = await stage.start(actors);
  assert.equal(await ref(first, "ada").ask(Worker.call, "count", { id: "1" }), 1);
  assert.equal(await ref(first, "ada").ask(Worker.call, "count", { id: "1" }), 1);
  await stage.kill(first);
  const second = await stage.start(actors);
  assert.equal(await ref(second, "ada").ask(Worker.call, "count", { id: "1" }), 1);
  assert.deepEqual(await notesOf(second, "ada"), ["counted"]);
});

onEach(
  kinds,
  "an ask with an id that still runs: a repeat is told so, and finds the answer later",
  async (stage) => {
    const gate = Promise.withResolvers<string>();
    const system = await stage.start([worker({ wait: () => gate.promise })]);
    const first = ref(system, "ada").ask(Worker.call, "wait", { id: "1" });
    await stage.settle();
    const repeat = () => ref(system, "ada").ask(Worker.call, "wait", { id: "1" });
    await assert.rejects(repeat(), { name: "StillRunningError", code: "still-running" });
    gate.resolve("at last");
    assert.equal(await first, "at last");
    assert.equal(await repeat(), "at last");
  },
);

onEach(kinds, "an ask with an id that fails gives its repeat the same failure", async (stage) => {
  const system = await stage.start([worker({
    refuse() {
      throw new TerminalError("Too late", { code: "too-late" });
    },
  })]);
  for (let time = 0; time < 2; time++) {
    const asked = ref(system, "ada").ask(Worker.call, "refuse", { id: "1" });
    await assert.rejects(asked, { name: "TerminalError", code: "too-late", message: "Too late" });
  }
});

inMemory(
  "an ask with an id that nobody answers in time says so, and its answer comes later",
  async (stage) => {
    const gate = Promise.withResolvers<string>();
    const system = await stage.start([worker({ wait: () => gate.promise })]);
    const asked = ref(system, "ada").ask(Worker.call, "wait", { id: "1", timeoutMs: 500 });
    const rejected = assert.rejects(asked, { code: "deadline" });
    await stage.pass(500);
    await rejected;
    gate.resolve("late");
    await stage.settle();
    assert.equal(await ref(system, "ada").ask(Worker.call, "wait", { id: "1", timeoutMs: 500 }), "late");
  },
);

onEach(sharedKinds, "two instances that are sent one id accept it once", async (stage) => {
  const systems = [await stage.start([worker()]), await stage.start([worker()])];
  for (let round = 0; round < 10; round++) {
    const sent = systems.map((system) =>
      ref(system, "ada").tell(Worker.note, `${round}`, { id: `${round}` })
    );
    await Promise.all(sent);
  }
  await stage.pass(missedMs, 100);
  const asked = notesOf(systems[1], "ada");
  await stage.pass(missedMs, 100); // what it knows of the actor may be old: then it looks again after a pause
  const notes = await asked as string[];
  assert.deepEqual([...notes].sort(), Array.from({ length: 10 }, (_, round) => `${round}`));
});

inMemory("an id that was refused may try again", async (stage) => {
  const system = await stage.start([worker()]);
  stage.storeOf(system).refuse = () => new StoreError("store-unavailable", "away");
  await assert.rejects(ref(system, "ada").tell(Worker.note, "one", { id: "1" }));
  stage.storeOf(system).refuse = undefined;
  await ref(system, "ada").tell(Worker.note, "one", { id: "1" });
  assert.deepEqual(await notesOf(system, "ada"), ["one"]);
});

onEach(kinds, "callers whose names are much alike are two, for names and for replies", async (stage) => {
  const system = await stage.start([worker()]);
  await assert.rejects(
    async () =>
      await ref(system, "ada").tell(Worker.note, "half", asIngress({ id: "one", caller: "a\ud800" })),
    { code: "invalid-caller" },
  );
  const callers = ["a\ufffd", "a%ud800", "a\n", "a%0A", "A"];
  for (const caller of callers) {
    await ref(system, "ada").tell(Worker.note, caller, asIngress({ id: "one", caller }));
    await ref(system, "ada").tell(Worker.note, caller, asIngress({ id: "one", caller }));
    const ticket = await ref(system, "ada").submit(Worker.job, "notes", asIngress({ id: "two", caller }));
    await stage.settle();
    assert.equal((await ticket.reply() as string[]).at(-1), caller);
  }
  assert.deepEqual(await notesOf(system, "ada"), callers);
});
