import assert from "node:assert/strict";
import {
  actor,
  ask,
  type Clock,
  DeadLetterError,
  type Inspection,
  protocol,
  type Random,
  StoppedError,
  submit,
  System,
  type SystemOptions,
  tell,
  unchecked,
} from "@posthorn/posthorn";
import { gate, watch, World } from "./memory_world.ts";

const Worker = protocol("worker", {
  work: ask(unchecked<Promise<number> | number>(), unchecked<number>()),
  pass: tell(unchecked<string>()),
  passLater: tell(unchecked<{ until: Promise<void>; to: string }>()),
  fail: tell(),
  job: submit(unchecked<number>()),
});

function worker(done: string[] = [], onFailure: "escalate" | "resume" = "resume") {
  return actor(Worker, {
    state: () => 0,
    on: {
      work: (ctx, result) => {
        ctx.state++;
        return result;
      },
      pass: (ctx) => {
        done.push(ctx.key);
      },
      async passLater(ctx, { until, to }) {
        await until;
        ctx.ref(Worker, to).tell(Worker.pass, "");
      },
      fail: () => {
        throw new Error("the disk is gone");
      },
      job: (ctx) => ctx.state,
    },
    retry: { attempts: 1 },
    onFailure,
  });
}

Deno.test("options out of their bounds throw a RangeError that names the option", () => {
  const cases: readonly (readonly [options: Partial<SystemOptions>, message: string])[] = [
    [
      { askTimeoutMs: 0 },
      "Cannot use askTimeoutMs: it must be a number of milliseconds above 0: current value is 0",
    ],
    [
      { deduplicationWindowMs: -1 },
      "Cannot use deduplicationWindowMs: it must be a number of milliseconds above 0: current value is -1",
    ],
    [
      { replyRetentionMs: NaN },
      "Cannot use replyRetentionMs: it must be a number of milliseconds above 0: current value is NaN",
    ],
    [{ drainMs: -1 }, "Cannot use drainMs: it must be at least 0: current value is -1"],
    [
      { limits: { actors: 0 } },
      "Cannot use limits.actors: it must be a whole number of at least 1: current value is 0",
    ],
    [
      { limits: { deadLetters: 1.5 } },
      "Cannot use limits.deadLetters: it must be a whole number of at least 1: current value is 1.5",
    ],
    [
      { limits: { ids: -1 } },
      "Cannot use limits.ids: it must be a whole number of at least 1: current value is -1",
    ],
    [
      { limits: { replies: Infinity } },
      "Cannot use limits.replies: it must be a whole number of at least 1: current value is Infinity",
    ],
    [
      { scheduler: { throughput: 0 } },
      "Cannot use scheduler.throughput: it must be a whole number of at least 1: current value is 0",
    ],
  ];
  for (const [options, message] of cases) {
    assert.throws(() => new System({ actors: [], ...options }), { name: "RangeError", message });
  }
  for (const scheduler of [{ mailboxMs: 0 }, { sliceMs: -1 }]) {
    assert.throws(() => new System({ actors: [], scheduler }), RangeError);
  }
});

Deno.test("what is no actor, no list of actors and no store is refused by name", () => {
  const remedy = "a store has `engine: storeEngine`, of @posthorn/posthorn/store";
  const cases: readonly (readonly [options: object, message: string])[] = [
    [{}, "Cannot start the system: `actors` must be a list of actors, for example []"],
    [
      { actors: [worker(), Worker] },
      "Cannot start the system: actors[1] is no actor: make one with actor(protocol, { state, on })",
    ],
    [
      { actors: [undefined] },
      "Cannot start the system: actors[0] is no actor: make one with actor(protocol, { state, on })",
    ],
    [{ actors: [], store: "./app.db" }, `Cannot use the store: it has no engine: ${remedy}`],
    [{ actors: [], store: null }, `Cannot use the store: it has no engine: ${remedy}`],
  ];
  for (const [options, message] of cases) {
    assert.throws(() => new System(options as SystemOptions), { name: "TypeError", message });
  }
});

Deno.test("two actors of one protocol throw a TypeError", () => {
  assert.throws(() => new System({ actors: [worker(), worker()] }), {
    name: "TypeError",
    message: "Cannot start the system: two of its actors have the protocol worker",
  });
});

Deno.test("a system does nothing before its first message", () => {
  const refuse = (): never => assert.fail("it was touched");
  const clock: Clock = {
    now: refuse,
    monotonicMs: refuse,
    setTimer: refuse,
    macrotask: refuse,
    yield: refuse,
  };
  const random: Random = { next: refuse, ulid: refuse };
  const system = new System({ actors: [worker()], clock, random });
  system.ref(Worker, "a").at(Worker.pass);
  assert.deepEqual([system.health, system.clock], [{ status: "running" }, clock]);
});

Deno.test("every accepted message is counted as done, dead, waiting or running", async () => {
  await using world = new World([worker()]);
  const { system } = world;
  const ref = system.ref(Worker, "a");
  await ref.ask(Worker.work, 1);
  await ref.tell(Worker.fail);
  const { promise, resolve } = gate<number>();
  const asked = watch(ref.ask(Worker.work, promise));
  await world.clock.settle();
  await ref.tell(Worker.pass, "");
  assert.deepEqual(summary(), {
    accepted: 4,
    done: 1,
    dead: 1,
    cancelled: 0,
    waiting: 1,
    delayed: 0,
    running: 1,
    lateReplies: 0,
  });
  assert.deepEqual(system.stats().protocols.worker, { actors: 1, waiting: 1, done: 1 });
  resolve(5);
  await world.clock.settle();
  assert.deepEqual([asked.value, summary()], [5, {
    accepted: 4,
    done: 3,
    dead: 1,
    cancelled: 0,
    waiting: 0,
    running: 0,
    delayed: 0,
    lateReplies: 0,
  }]);

  function summary() {
    const { protocols: _, ...numbers } = system.stats();
    return numbers;
  }
});

Deno.test("a stop waits for messages that can run, and those that they send, and reports it", async () => {
  const done: string[] = [];
  const world = new World([worker(done)]);
  const { system } = world;
  const { promise, resolve } = gate();
  await system.ref(Worker, "a").tell(Worker.passLater, { until: promise, to: "b" });
  await system.ref(Worker, "c").tell(Worker.pass, "");
  const stopped = watch(system.stop());
  assert.deepEqual(system.health, { status: "stopping" });
  await assert.rejects(system.ref(Worker, "a").tell(Worker.pass, ""), StoppedError);
  await world.clock.advance(999);
  assert.deepEqual([stopped.done, done], [false, ["c"]]);
  resolve();
  await world.clock.settle();
  assert.deepEqual([stopped.value, done], [{ drained: true, left: 0 }, ["c", "b"]]);
  assert.deepEqual(system.health, { status: "stopped" });
  assert.equal(await system.closed, undefined);
  assert.equal(world.clock.waiting, 0);
});

Deno.test("a stop waits for drainMs at most, and makes the remaining messages dead letters", async () => {
  const world = new World([worker()], { drainMs: 300 });
  const { system } = world;
  const ref = system.ref(Worker, "a");
  const running = watch(ref.ask(Worker.work, gate<number>().promise, { timeoutMs: 60_000 }));
  await world.clock.settle();
  await ref.tell(Worker.pass, "");
  const stopped = watch(system.stop());
  await world.clock.advance(299);
  assert.ok(!stopped.done);
  await world.clock.advance(1);
  assert.deepEqual(stopped.value, { drained: false, left: 2 });
  assert.deepEqual(world.letters, ["worker work: stopping", "worker pass: stopping"]);
  assert.ok(running.error instanceof StoppedError);
  assert.deepEqual(await system.stop(), { drained: false, left: 2 }); // again changes nothing
});

Deno.test("a system that is disposed of has stopped", async () => {
  const world = new World([worker()]);
  {
    await using system = world.system;
    await system.ref(Worker, "a").tell(Worker.pass, "");
  }
  assert.deepEqual([world.system.health, world.system.stats().done], [{ status: "stopped" }, 1]);
});

Deno.test("a failure that an actor escalates stops the system, and is the reason", async () => {
  const world = new World([worker([], "escalate")]);
  const { system } = world;
  const ref = system.ref(Worker, "a");
  void ref.tell(Worker.fail);
  const behind = watch(ref.ask(Worker.work, 1));
  await world.clock.advance(1_000);
  assert.equal((await system.closed as Error).message, "the disk is gone");
  assert.deepEqual(system.health, { status: "stopped", reason: "the disk is gone" });
  assert.ok(behind.error instanceof DeadLetterError && behind.error.code === "stopped");
});

Deno.test("a signal takes effect before any waiting message", async () => {
  await using world = new World([worker()]);
  const { system } = world;
  const ref = system.ref(Worker, "a");
  const actorId = { protocol: "worker", key: "a" };
  for (const signal of ["passivate", "restart", "erase"] as const) system.signal(actorId, signal); // there is none
  assert.deepEqual(world.population, {});
  await ref.ask(Worker.work, 1);
  const kept = async () => await (await ref.submit(Worker.job)).reply();
  assert.equal(await kept(), 1);
  for (const signal of ["passivate", "restart"] as const) {
    system.signal(actorId, signal);
    assert.equal(await kept(), 1);
  }
  const submitted = ref.submit(Worker.job);
  system.signal(actorId, "erase");
  assert.equal(await (await submitted).reply(), 0);
});

Deno.test("an inspector is called for each event until it is disposed of", async () => {
  await using world = new World([worker()]);
  const heard: Inspection["type"][] = [];
  {
    using _ = world.system.inspect(({ type }) => heard.push(type));
    await world.system.ref(Worker, "a").tell(Worker.pass, "");
    await world.clock.settle();
  }
  await world.system.ref(Worker, "a").tell(Worker.pass, "");
  await world.clock.settle();
  assert.deepEqual(heard, ["accepted", "activated", "started", "done"]);
});

Deno.test("a resent dead letter is removed from the list", async () => {
  await using world = new World([worker()]);
  const { system } = world;
  await system.ref(Worker, "a").tell(Worker.fail, { id: "7" });
  await world.clock.settle();
  const [letter] = system.deadLetters.list();
  assert.deepEqual([letter.id, letter.reason, letter.atMs], ["7", "failed", world.clock.now()]);
  system.deadLetters.resend("7");
  assert.equal(system.deadLetters.size, 0);
  await world.clock.settle();
  assert.deepEqual([system.deadLetters.size, system.deadLetters.total], [1, 2]);
  assert.throws(() => system.deadLetters.resend("8"), { code: "unknown-dead-letter" });
});

Deno.test("new ids carry their time, and come in order", async () => {
  await using world = new World([]);
  const ids = [world.system.newId(), world.system.newId()];
  await world.clock.advance(1);
  ids.push(world.system.newId());
  assert.deepEqual(ids.toSorted(), ids);
  assert.equal(new Set(ids).size, 3);
  for (const id of ids) assert.match(id, /^[0-7][0-9A-HJKMNP-TV-Z]{25}$/);
});
