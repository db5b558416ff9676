// How a durable actor is activated, passivated and erased, and what a stop leaves.

import assert from "node:assert/strict";
import { actor, ask, protocol, type Store, StoreError, TooLargeError, unchecked } from "@posthorn/posthorn";
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
  watch,
  Worker,
  worker,
} from "./durable_stage.ts";

const scripts = { erase: "erase" };

onEach(kinds, "an actor without messages leaves memory, and comes back with its state", async (stage) => {
  const system = await stage.start([worker({}, { idleMs: 5_000 })]);
  const lines = watch(system, "activated", "passivated");
  await ref(system, "ada").tell(Worker.note, "one");
  await stage.pass(12_000);
  assert.equal(system.stats().protocols.worker.actors, 0);
  assert.deepEqual(await notesOf(system, "ada"), ["one"]);
  assert.deepEqual(lines, ["activated ada", "passivated ada", "activated ada"]);
});

onEach(
  kinds,
  "an actor that passivates itself leaves memory after its turn, and its waiting messages are handled",
  async (stage) => {
    const system = await stage.start([worker({
      leave(ctx) {
        note(ctx, "left");
        ctx.passivate();
      },
    })]);
    await ref(system, "ada").tell(Worker.run, "leave");
    await ref(system, "ada").tell(Worker.note, "behind");
    await stage.settle();
    assert.deepEqual(await notesOf(system, "ada"), ["left", "behind"]);
    await ref(system, "ada").tell(Worker.run, "leave");
    await stage.settle();
    assert.equal(system.stats().protocols.worker.actors, 0);
  },
);

onEach(kinds, "signals: passivate, restart and erase", async (stage) => {
  const system = await stage.start([worker()]);
  const id = { protocol: "worker", key: "ada" };
  await ref(system, "ada").tell(Worker.note, "one");
  await stage.settle();
  system.signal(id, "passivate");
  await stage.settle();
  assert.equal(system.stats().protocols.worker.actors, 0);
  system.signal(id, "restart");
  assert.deepEqual(await notesOf(system, "ada"), ["one"]);
  system.signal(id, "erase");
  await stage.settle();
  assert.deepEqual(await notesOf(system, "ada"), []);
  await ref(system, "bob").tell(Worker.note, "one");
  await stage.settle();
  system.signal({ protocol: "worker", key: "bob" }, "passivate");
  await stage.settle();
  system.signal({ protocol: "worker", key: "bob" }, "erase"); // also while it is not in memory
  await stage.settle();
  assert.deepEqual(await notesOf(system, "bob"), []);
});

onEach(kinds, "a signal to erase that the store does not take is tried until it does", async (stage) => {
  const system = await stage.start([worker()]);
  const id = { protocol: "worker", key: "ada" };
  await ref(system, "ada").tell(Worker.note, "one");
  await stage.settle();
  stage.storeOf(system).refuse = () => new StoreError("store-unavailable", "The disk is away");
  await system.signal(id, "erase");
  await stage.pass(5_000);
  await system.signal(id, "passivate");
  assert.equal((await stage.keys("actor")).length, 1);
  stage.storeOf(system).refuse = undefined;
  await stage.pass(5_000);
  assert.deepEqual(await stage.keys("actor"), []);
});

inMemory(
  "a signal to erase what no commit can erase changes nothing, and somebody hears of it",
  async (stage) => {
    const system = await stage.start([worker()]);
    const id = { protocol: "worker", key: "ada" };
    await ref(system, "ada").tell(Worker.note, "one");
    await stage.settle();
    const failures: unknown[] = [];
    system.inspect((event) => void (event.type === "callback-failed" && failures.push(event.error)));
    const tooLarge = new TooLargeError("the erasure", "writes", 2_000, 1_000);
    let tries = 0;
    stage.storeOf(system).refuse = (parts) => {
      const erases = parts.some(({ removals }) => removals.some(({ key }) => key.startsWith("actor")));
      if (erases) tries++;
      return erases ? tooLarge : undefined;
    };
    await system.signal(id, "erase");
    await stage.pass(60_000);
    assert.deepEqual([failures, tries], [[tooLarge], 1]);
    assert.deepEqual(await notesOf(system, "ada"), ["one"]);
  },
);

onEach(kinds, "an actor that erases itself begins again, also in the next process", async (stage) => {
  const actors = [worker({
    [scripts.erase](ctx) {
      note(ctx, "never");
      ctx.erase();
    },
  })];
  const first = await stage.start(actors);
  await ref(first, "ada").tell(Worker.note, "one");
  await ref(first, "ada").tell(Worker.run, "erase");
  await ref(first, "ada").tell(Worker.note, "two");
  assert.deepEqual(await notesOf(first, "ada"), ["two"]);
  await ref(first, "ada").tell(Worker.run, "erase");
  await stage.settle();
  await stage.kill(first);
  const second = await stage.start(actors);
  await stage.pass(missedMs);
  assert.deepEqual(await notesOf(second, "ada"), []);
});

inMemory("more actors than may be in memory: all of them do their work", async (stage) => {
  const system = await stage.start([worker({
    spread(ctx) {
      for (let index = 0; index < 50; index++) ctx.ref(Worker, `k${index}`).tell(Worker.note, "one");
    },
  })], { limits: { actors: 5 } });
  await ref(system, "ada").tell(Worker.run, "spread");
  await stage.pass(30_000);
  for (let index = 0; index < 50; index++) {
    assert.deepEqual(await notesOf(system, `k${index}`), ["one"], `k${index}`);
  }
  assert.deepEqual(deadOf(system), []);
});

onEach(
  kinds,
  "an idle actor makes room for actors of every protocol, also for transient ones",
  async (stage) => {
    const Other = protocol("other", { call: ask(unchecked<string>()) });
    const Fleeting = protocol("fleeting", { call: ask(unchecked<string>()) });
    const system = await stage.start([
      worker(),
      actor(Other, { state: () => "other", on: { call: (ctx) => ctx.state } }),
      actor(Fleeting, { transient: true, state: () => "fleeting", on: { call: (ctx) => ctx.state } }),
    ], { limits: { actors: 3 } });
    for (const key of ["a", "b", "c"]) await ref(system, key).tell(Worker.note, key);
    await stage.settle();
    assert.equal(await system.ref(Other, "a").ask(Other.call), "other");
    assert.equal(await system.ref(Fleeting, "a").ask(Fleeting.call), "fleeting");
    for (const key of ["a", "b", "c"]) assert.deepEqual(await notesOf(system, key), [key]);
  },
);

onEach(
  kinds,
  "a stop leaves mail in the store, says how much, and makes no dead letter of it",
  async (stage) => {
    const gate = Promise.withResolvers<void>();
    const first = await stage.start([worker({ wait: () => gate.promise })]);
    await ref(first, "ada").tell(Worker.run, "wait");
    await stage.settle();
    for (const text of ["one", "two"]) await ref(first, "ada").tell(Worker.note, text);
    const asked = assert.rejects(notesOf(first, "ada"), { code: "stopping" });
    await stage.settle();
    const report = await first.stop({ drainMs: 0 });
    await asked;
    assert.deepEqual(report, { drained: false, left: 0, kept: 3 });
    await assert.rejects(ref(first, "ada").tell(Worker.note, "late"), { code: "stopping" });
    const second = await stage.start([worker({ wait: (ctx) => note(ctx, "waited") })]);
    await stage.pass(missedMs);
    assert.deepEqual(deadOf(second), []);
    assert.deepEqual(await notesOf(second, "ada"), ["waited", "one", "two"]);
  },
);

onEach(kinds, "a stop lets run what can run, and commits it", async (stage) => {
  const first = await stage.start([worker()]);
  const sent = Array.from(
    { length: 50 },
    (_, index) => ref(first, `k${index % 5}`).tell(Worker.note, `${index}`),
  );
  await Promise.all(sent);
  const stopped = first.stop({ drainMs: 1_000 });
  await stage.settle();
  assert.deepEqual(await stopped, { drained: true, left: 0, kept: 0 });
  const second = await stage.start([worker()]);
  assert.deepEqual((await notesOf(second, "k0") as string[]).length, 10);
});

onEach(
  sharedKinds,
  "another instance soon handles the messages that an instance leaves at its stop",
  async (stage) => {
    const gate = Promise.withResolvers<void>();
    const first = await stage.start([worker({ wait: () => gate.promise })]);
    const second = await stage.start([worker({ wait: (ctx) => note(ctx, "waited") })]);
    await ref(first, "ada").tell(Worker.run, "wait");
    const { id } = await ref(first, "ada").submit(Worker.job, "notes");
    await stage.settle();
    await first.stop({ drainMs: 0 });
    await stage.pass(2_100, 20); // a heartbeat
    assert.deepEqual(await second.ticket(id).reply({ timeoutMs: 0 }), ["waited"]);
  },
);

inMemory("a sweep handles all due work, and resolves when it is done", async (stage) => {
  const first = await stage.start([worker({
    later: (ctx) => ctx.schedule("tea", { afterMs: 5_000 }, ctx.self.at(Worker.note), "due"),
  })]);
  await ref(first, "ada").tell(Worker.run, "later");
  await stage.settle();
  await first.stop();
  await stage.pass(60_000);
  const second = await stage.start([worker()]);
  await second.sweep();
  await stage.settle();
  assert.deepEqual(await notesOf(second, "ada"), ["due"]);
});

inMemory("a sweep reads the same however many actors are at rest", async (stage) => {
  let reads = 0;
  const store: Store = {
    engine: stage.store.engine,
    traits: stage.store.traits,
    async open(services) {
      const connection = await stage.store.open(services);
      const counted = <Rows extends readonly unknown[]>(rows: Rows): Rows => {
        reads += 1 + rows.length;
        return rows;
      };
      return {
        read: async (keys) => counted(await connection.read(keys)),
        list: async (range) => counted(await connection.list(range)),
        commit: (parts) => {
          reads += parts.length;
          return connection.commit(parts);
        },
        watch: (onChange) => connection.watch(onChange),
        close: () => connection.close(),
      };
    },
  };
  const system = await stage.start([worker({}, { idleMs: 1_000 })], { store });
  const costs: number[] = [];
  for (const count of [1, 2_000]) {
    await Promise.all(
      Array.from({ length: count }, (_, index) => ref(system, `${index}`).tell(Worker.note, "x")),
    );
    await stage.pass(missedMs);
    reads = 0;
    await system.sweep();
    costs.push(reads);
  }
  assert.equal(costs[1], costs[0]);
});
