import assert from "node:assert/strict";
import { actor, type DeadLetterError, event, protocol, System, tell, unchecked } from "@posthorn/posthorn";
import { VirtualClock } from "@posthorn/posthorn/testing";
import { fail, note, notesOf, Stage, stage, Walker, walker, Worker, worker } from "./memory_stage.ts";

// --- Delivery

Deno.test("Runtime handles the messages of one sender in the order of sending", async () => {
  await using it = new Stage({ actors: [worker()], scheduler: { throughput: 3 } });
  const sent = Array.from({ length: 100 }, (_, index) => `${index}`);
  for (const text of sent) void it.ref("ada").tell(Worker.note, text);
  assert.deepEqual(await notesOf(it.ref("ada")), sent);
});

Deno.test("Runtime refuses two actors of the same protocol", () => {
  assert.throws(() => new System({ actors: [worker(), worker()] }), {
    name: "TypeError",
    message: "Cannot start the system: two of its actors have the protocol worker",
  });
});

Deno.test("Runtime refuses a message to a protocol that it does not host, and accepts nothing", async () => {
  await using it = stage(worker());
  await assert.rejects(it.walker("wim").tell(Walker.note, ""), {
    name: "NotFoundError",
    code: "unknown-protocol",
  });
  assert.equal(it.system.stats().accepted, 0);
});

Deno.test("Runtime refuses an invalid id", async () => {
  await using it = stage(worker());
  for (const id of ["", "a b", "ü", "x".repeat(256)]) {
    await assert.rejects(it.ref("ada").tell(Worker.note, "", { id }), { code: "invalid-id" });
  }
});

Deno.test("Runtime lets headers travel with all that a message causes, unless a turn says otherwise", async () => {
  await using it = stage(worker());
  const seen: unknown[] = [];
  it.system.inspect((event) => event.type === "done" && seen.push(event.message.headers?.trace));
  await it.ref("ada").tell(Worker.run, (ctx) => {
    ctx.ref(Worker, "bob").tell(Worker.note, "");
    ctx.ref(Worker, "bob").tell(Worker.note, "", { headers: { trace: "own" } });
  }, { headers: { trace: "first" } });
  await it.clock.settle();
  assert.deepEqual(seen, ["first", "first", "own"]);
});

Deno.test("Runtime starts nothing before it is spoken to: no timer, no chance", () => {
  const clock = new VirtualClock();
  new System({ actors: [worker()], clock, random: { next: fail, ulid: fail } });
  assert.equal(clock.waiting, 0);
});

Deno.test("Runtime keeps two systems apart", async () => {
  await using one = stage(worker());
  await using other = stage(worker());
  await one.ref("ada").tell(Worker.note, "one");
  assert.deepEqual(await notesOf(other.ref("ada")), []);
});

// --- Stop

Deno.test("Runtime that stops refuses what comes from outside, and still lets turns send", async () => {
  await using it = stage(worker());
  const gate = Promise.withResolvers<void>();
  await it.ref("ada").tell(Worker.run, async (ctx) => {
    await gate.promise;
    ctx.ref(Worker, "bob").tell(Worker.note, "from a turn");
  });
  const stopping = it.system.stop({ drainMs: 100 });
  assert.deepEqual(it.system.health, { status: "stopping" });
  await assert.rejects(it.ref("bob").tell(Worker.note, "from outside"), {
    name: "StoppedError",
    code: "stopping",
  });
  gate.resolve();
  assert.deepEqual(await stopping, { drained: true, left: 0 });
  assert.equal(it.system.stats().done, 2);
  assert.deepEqual(it.system.health, { status: "stopped" });
});

Deno.test("Runtime that stops lets run all that can run", async () => {
  await using it = stage(worker());
  for (const key of ["ada", "bob"]) {
    for (let count = 0; count < 1_000; count++) void it.ref(key).tell(Worker.note, "");
  }
  assert.deepEqual(await it.system.stop({ drainMs: 100 }), { drained: true, left: 0 });
  assert.equal(it.system.stats().done, 2_000);
});

Deno.test("Runtime that stops reports what it left, and makes dead letters of it", async () => {
  await using it = stage(worker({ retry: { baseMs: 1_000 } }));
  void it.ref("ada").tell(Worker.run, () => new Promise(() => {}));
  void it.ref("ada").tell(Worker.note, "waits");
  void it.ref("bob").tell(Worker.run, fail);
  const stopping = it.system.stop({ drainMs: 100 });
  await it.clock.advance(100);
  assert.deepEqual(await stopping, { drained: false, left: 3 });
  assert.deepEqual(it.dead, ["ada run: stopping", "ada note: stopping", "bob run: stopping"]);
});

Deno.test("Runtime that stops does not wait for what waits itself for a time", async () => {
  await using it = stage(worker({ retry: { order: "aside" } }));
  await it.ref("ada").tell(Worker.run, fail);
  await it.ref("bob").tell(Worker.run, (ctx) => {
    ctx.schedule("tick", { everyMs: 1 }, ctx.self.at(Worker.note), "");
  });
  await it.clock.settle();
  assert.deepEqual(await it.system.stop({ drainMs: 100 }), { drained: false, left: 1 });
});

Deno.test("a Runtime that stops rejects all waiting asks at once", async () => {
  await using it = stage(worker());
  const asking = it.ref("ada").ask(Worker.call, () => new Promise(() => {}), { timeoutMs: 60_000 });
  const ticket = await it.ref("bob").submit(Worker.job, () => new Promise(() => {}));
  const outcomes = Promise.allSettled([asking, ticket.reply({ timeoutMs: 60_000 })]);
  await it.clock.settle();
  const stopping = it.system.stop({ drainMs: 100 });
  await it.clock.advance(100);
  await stopping;
  for (const outcome of await outcomes) {
    assert(outcome.status === "rejected");
    assert.deepEqual([outcome.reason.name, outcome.reason.code], ["StoppedError", "stopping"]);
  }
});

Deno.test("Runtime that has stopped fails a ticket that waited for another turn's reply", async () => {
  await using it = stage(worker({ retry: { baseMs: 60_000 } }));
  const ticket = await it.ref("ada").submit(Worker.job, fail);
  const reply = ticket.reply({ timeoutMs: 60_000 });
  await it.clock.settle();
  const outcome = assert.rejects(reply, { name: "StoppedError" });
  await it.system.stop();
  await outcome;
});

Deno.test("Runtime that has stopped leaves no timer behind, whatever is tried afterwards", async () => {
  const it = stage(worker(), walker());
  const ada = it.ref("ada");
  await ada.tell(Worker.run, (ctx) => ctx.schedule("tick", { everyMs: 1 }, ctx.self.at(Worker.note), ""));
  void ada.ask(Worker.call, () => new Promise(() => {})).catch(() => {});
  await it[Symbol.asyncDispose]();
  assert.equal(it.clock.waiting, 0);
  await assert.rejects(ada.ask(Worker.call, () => 1), { code: "stopping" });
  await assert.rejects(ada.submit(Worker.job, () => "1"), { code: "stopping" });
  it.system.signal(ada, "erase");
  await it.clock.settle();
  assert.equal(it.clock.waiting, 0);
});

Deno.test("Runtime that has stopped takes no notice of a turn that ends only then", async () => {
  const it = stage(worker());
  const gate = Promise.withResolvers<void>();
  await it.ref("ada").tell(Worker.run, async (ctx) => {
    await gate.promise;
    return ctx.key;
  });
  await it[Symbol.asyncDispose]();
  const before = it.system.stats();
  gate.resolve();
  await it.clock.settle();
  assert.deepEqual(it.system.stats(), before);
});

Deno.test("Runtime stops once, however often it is told", async () => {
  await using it = stage(worker());
  await it.ref("ada").tell(Worker.note, "");
  const [first, second] = [it.system.stop(), it.system.stop({ drainMs: 1 })];
  assert.equal(await first, await second);
  assert.equal(await it.system.closed, undefined);
  assert.equal(await it.system.stop(), await first);
});

Deno.test("Runtime can be stopped from within a turn", async () => {
  await using it = stage(worker());
  await it.ref("ada").tell(Worker.run, (ctx) => {
    note(ctx, "last");
    void it.system.stop();
  });
  await it.system.closed;
  assert.equal(it.system.stats().done, 1);
});

Deno.test("Runtime that has stopped does not revive an actor by a message", async () => {
  const it = stage(worker());
  await it.ref("ada").submit(Worker.job, () => new Promise(() => {}), {
    failTo: { protocol: "worker", key: "bob", operation: "note" },
  });
  await it[Symbol.asyncDispose]();
  assert.deepEqual(it.dead, ["ada job: stopping", "bob note: stopping"]);
  const { accepted, done, dead, waiting, running } = it.system.stats();
  assert.equal(accepted, done + dead + waiting + running);
});

// --- Turns that cannot deliver

Deno.test(
  "Runtime makes a dead letter of what a turn sends with an id that came before with another payload",
  async () => {
    await using it = stage(worker());
    const ada = it.ref("ada");
    for (const text of ["1", "2"]) {
      await ada.ask(Worker.call, (ctx) => ctx.ref(Worker, "bob").tell(Worker.note, text, { id: "same" }));
    }
    assert.deepEqual(it.dead, ["bob note: id-reused"]);
    assert.deepEqual(await notesOf(it.ref("bob")), ["1"]);
  },
);

Deno.test("Runtime fails the asker of a message that becomes a dead letter, and says why", async () => {
  await using it = stage(worker({ mailbox: { capacity: 1, overflow: "drop-newest" } }));
  void it.ref("ada").tell(Worker.note, "");
  await assert.rejects(it.ref("ada").ask(Worker.call, () => 1), (error: DeadLetterError) => {
    assert.equal(error.name, "DeadLetterError");
    assert.equal(error.message, "worker/ada call was evicted: the mailbox held 1 of 1 messages");
    return true;
  });
});

Deno.test("Runtime gives nothing to another protocol of the same name", async () => {
  const Other = protocol("worker", { wipe: tell(unchecked<number>()), run: tell(unchecked<number>()) });
  await using it = stage(worker());
  const ref = it.system.ref(Other, "ada");
  await assert.rejects(ref.tell(Other.wipe, 1), { code: "unknown-operation" });
  await assert.rejects(ref.tell(Other.run, 1), {
    code: "unknown-operation",
    message:
      "Cannot deliver to worker/ada: its worker is another protocol of that name, or a second copy of its module",
  });
  assert.equal(it.system.stats().accepted, 0);
});

Deno.test("Runtime goes on although what a turn sends cannot even be looked at", async () => {
  await using it = stage(worker());
  let deep: unknown = null;
  for (let level = 0; level < 50_000; level++) deep = [deep];
  await it.ref("ada").tell(
    Worker.run,
    (ctx) => ctx.ref(Worker, "bob").tell(Worker.note, deep as string, { id: "1" }),
  );
  await it.clock.settle();
  assert.deepEqual(it.dead, ["bob note: invalid-payload"]);
  assert.equal(await it.ref("cat").ask(Worker.call, () => 1), 1);
  const { accepted, done, dead } = it.system.stats();
  assert.equal(accepted, done + dead);
});

Deno.test("Runtime refuses an invalid drainMs", async () => {
  await using it = stage(worker());
  for (const drainMs of [-1, NaN]) await assert.rejects(it.system.stop({ drainMs }), RangeError);
  assert.equal(it.system.health.status, "running");
});

Deno.test("Runtime says that an event is published and not sent to an actor", async () => {
  const News = protocol("news", { said: event() });
  await using it = stage(worker(), actor(News, { state: () => null, on: {} }));
  await it.ref("ada").tell(Worker.run, (ctx) => {
    ctx.schedule("late", { afterMs: 1 }, { protocol: "news", key: "a", operation: "said" });
  });
  await it.clock.advance(1);
  const [letter] = it.system.deadLetters.list();
  assert.equal(letter.reason, "unknown-operation");
  assert.match(letter.message, /said is an event, which is published and not sent to an actor$/);
});
