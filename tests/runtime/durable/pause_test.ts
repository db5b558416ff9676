// A protocol that is paused: its actors begin no turn, in no process, until it is resumed.

import assert from "node:assert/strict";
import { actor, ask, protocol, type Store, System, tell, unchecked } from "@posthorn/posthorn";
import { CountingStore } from "./counting.ts";
import {
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

const heartbeatMs = 2_100;

/** The words that an actor has noted. */
async function words(system: System, key = "ada"): Promise<unknown> {
  return await notesOf(system, key);
}

onEach(
  kinds,
  "messages to a paused protocol are accepted and wait, and are handled in order when it is resumed",
  async (stage) => {
    const system = await stage.start([worker()]);
    await ref(system, "ada").tell(Worker.note, "before");
    await stage.settle();
    await system.control.pause("worker");
    for (const word of ["one", "two", "three"]) await ref(system, "ada").tell(Worker.note, word);
    await ref(system, "new").tell(Worker.note, "first");
    await stage.pass(60_000);
    assert.equal(system.stats().done, 1);
    assert.equal((await stage.keys("mail")).length, 4);
    await system.control.resume("worker");
    await stage.settle();
    assert.deepEqual(await stage.keys("mail"), []);
    assert.deepEqual(await words(system), ["before", "one", "two", "three"]);
    assert.deepEqual(await words(system, "new"), ["first"]);
  },
);

onEach(kinds, "a pause outlives all processes, and what waited is handled after them", async (stage) => {
  const first = await stage.start([worker()]);
  await first.control.pause("worker");
  await ref(first, "ada").tell(Worker.note, "one");
  await stage.kill(first);
  await stage.pass(missedMs);
  const second = await stage.start([worker()]);
  await ref(second, "ada").tell(Worker.note, "two");
  await ref(second, "bob").tell(Worker.note, "other");
  await stage.pass(missedMs);
  assert.equal(second.stats().done, 0);
  await second.stop({ drainMs: 0 });
  const third = await stage.start([worker()]);
  await stage.pass(missedMs);
  assert.equal(third.stats().done, 0);
  await third.control.resume("worker");
  await stage.settle();
  assert.equal(third.stats().done, 3);
  assert.deepEqual(await words(third), ["one", "two"]);
  assert.deepEqual(await words(third, "bob"), ["other"]);
});

onEach(sharedKinds, "all processes obey a pause, and go on when it ends", async (stage) => {
  const [one, other] = [await stage.start([worker()]), await stage.start([worker()])];
  await ref(other, "bob").tell(Worker.note, "before"); // it is in the memory of the other one
  await stage.settle();
  await one.control.pause("worker");
  await stage.pass(heartbeatMs);
  await ref(one, "ada").tell(Worker.note, "one");
  await ref(other, "bob").tell(Worker.note, "two");
  await stage.pass(60_000);
  assert.deepEqual([one.stats().done, other.stats().done], [0, 1]);
  await other.control.resume("worker");
  await stage.pass(heartbeatMs);
  assert.deepEqual(await stage.keys("mail"), []);
  assert.deepEqual(await words(one), ["one"]);
  assert.deepEqual(await words(one, "bob"), ["before", "two"]);
});

onEach(kinds, "a turn that runs ends as usual, and its messages wait", async (stage) => {
  const held = Promise.withResolvers<void>();
  const system = await stage.start([worker({
    hold: async (ctx, text) => {
      await held.promise;
      note(ctx, text);
      ctx.ref(Worker, "bob").tell(Worker.note, `from ${ctx.key}`);
    },
  })]);
  await ref(system, "ada").tell(Worker.run, "hold done");
  await stage.settle();
  await system.control.pause("worker");
  held.resolve();
  await stage.pass(10_000);
  assert.equal(system.stats().done, 1);
  assert.equal((await stage.keys("mail")).length, 1);
  await system.control.resume("worker");
  await stage.settle();
  assert.deepEqual(await words(system, "bob"), ["from ada"]);
  assert.deepEqual(await words(system), ["done"]);
});

onEach(
  kinds,
  "an ask of a paused protocol waits until its deadline, or until it is resumed",
  async (stage) => {
    const system = await stage.start([worker()]);
    await system.control.pause("worker");
    const late = assert.rejects(ref(system, "ada").ask(Worker.call, "notes", { timeoutMs: 3_000 }), {
      code: "deadline",
    });
    await stage.pass(4_000);
    await late;
    const waits = ref(system, "ada").ask(Worker.call, "notes", { timeoutMs: 60_000 });
    await stage.pass(10_000);
    await system.control.resume("worker");
    await stage.settle();
    assert.deepEqual(await waits, []);
  },
);

onEach(kinds, "a schedule of a paused protocol puts its message into the mailbox", async (stage) => {
  const system = await stage.start([worker()]);
  await system.schedule("tick", { afterMs: 5_000 }, ref(system, "ada").at(Worker.note), "tick");
  await ref(system, "bob").tell(Worker.note, "late", { afterMs: 5_000 });
  await system.control.pause("worker");
  await stage.pass(10_000);
  assert.deepEqual((await stage.keys("mail")).map((key) => key.split(" ")[2]), ["ada", "bob"]);
  await system.control.resume("worker");
  await stage.settle();
  assert.deepEqual(await words(system), ["tick"]);
  assert.deepEqual(await words(system, "bob"), ["late"]);
});

onEach(
  kinds,
  "a retry of a paused protocol is not made before it is resumed, and is made once then",
  async (stage) => {
    let attempts = 0;
    const system = await stage.start([worker({
      fail(ctx) {
        if (++attempts === 1) throw new Error("boom");
        note(ctx, `attempt ${attempts}`);
      },
    })]);
    await ref(system, "ada").tell(Worker.run, "fail");
    await ref(system, "ada").tell(Worker.note, "behind");
    await stage.settle();
    await system.control.pause("worker");
    await stage.pass(60_000);
    assert.equal(attempts, 1);
    await system.control.resume("worker");
    await stage.pass(1_000);
    assert.deepEqual(await words(system), ["attempt 2", "behind"]);
  },
);

onEach(kinds, "only the protocol that is paused waits", async (stage) => {
  const Other = protocol("other", { count: tell(), counted: ask(unchecked<number>()) });
  const other = actor(Other, {
    state: () => 0,
    on: {
      count: (ctx) => {
        ctx.state += 1;
      },
      counted: (ctx) => ctx.state,
    },
  });
  const system = await stage.start([worker(), other]);
  await system.control.pause("worker");
  await ref(system, "ada").tell(Worker.note, "waits");
  await system.ref(Other, "x").tell(Other.count);
  assert.equal(await system.ref(Other, "x").ask(Other.counted), 1);
  assert.equal(system.stats().waiting, 1);
});

onEach(kinds, "actors with a limit of turns are paused, and their slots are used again", async (stage) => {
  const opened: (() => void)[] = [];
  const system = await stage.start([worker({
    hold: async (ctx, text) => {
      await new Promise<void>((resolve) => opened.push(resolve));
      note(ctx, text);
    },
  }, { concurrency: 1 })]);
  for (const key of ["a", "b", "c", "d"]) await ref(system, key).tell(Worker.run, `hold ${key}`);
  await stage.settle();
  assert.equal(opened.length, 1); // the others wait for its slot
  await system.control.pause("worker");
  opened.shift()!();
  await stage.pass(10_000);
  assert.equal(opened.length, 0);
  assert.equal(system.stats().done, 1);
  await system.control.resume("worker");
  for (let left = 3; left > 0; left--) {
    await stage.settle();
    assert.equal(opened.length, 1);
    opened.shift()!();
  }
  await stage.settle();
  assert.equal(system.stats().done, 4);
});

onEach(kinds, "a paused actor is erased and leaves memory, and its messages wait", async (stage) => {
  const system = await stage.start([worker()]);
  await ref(system, "ada").tell(Worker.note, "before");
  await stage.settle();
  await system.control.pause("worker");
  await ref(system, "ada").tell(Worker.note, "one");
  await system.control.erase(ref(system, "ada"));
  await stage.settle();
  await system.control.passivate(ref(system, "ada"));
  await stage.settle();
  assert.equal(system.stats().protocols.worker.actors, 0);
  await stage.pass(10_000);
  assert.equal((await stage.keys("mail")).length, 1);
  await ref(system, "ada").tell(Worker.note, "two");
  await system.control.resume("worker");
  await stage.settle();
  assert.deepEqual(await words(system), ["one", "two"]);
});

onEach(kinds, "actors of a paused protocol make room for others, and come back", async (stage) => {
  const Other = protocol("other", { count: tell() });
  const other = actor(Other, {
    state: () => 0,
    on: {
      count: (ctx) => {
        ctx.state += 1;
      },
    },
  });
  // two of them are those of events and of later answers, which are not in memory here
  const system = await stage.start([worker(), other], { limits: { actors: 4 } });
  await system.control.pause("worker");
  for (let key = 0; key < 10; key++) {
    await ref(system, `${key}`).tell(Worker.note, "waits");
    await stage.settle(); // it is let go when its message is in the store
  }
  for (let key = 0; key < 4; key++) await system.ref(Other, `${key}`).tell(Other.count);
  await stage.until("the others have had room", () => system.stats().protocols.other.done === 4);
  await system.control.resume("worker");
  await stage.pass(30_000);
  assert.equal(system.stats().protocols.worker.done, 10);
});

inMemory("pausing and resuming twice change nothing", async (stage) => {
  const system = await stage.start([worker()]);
  await system.control.resume("worker");
  await system.control.pause("worker");
  await system.control.pause("worker");
  await system.control.resume("worker");
  await system.control.resume("worker");
  await ref(system, "ada").tell(Worker.note, "one");
  assert.deepEqual(await words(system), ["one"]);
});

inMemory("what cannot be paused is refused", async (stage) => {
  const system = await stage.start([worker()]);
  await assert.rejects(system.control.pause("~topic"), RangeError);
  await assert.rejects(system.control.pause("no name"), RangeError);
  await assert.rejects(system.control.resume(7 as unknown as string), RangeError);
  await system.control.pause("nobody");
  await system.stop();
  await assert.rejects(system.control.pause("worker"), { code: "stopping" });
});

inMemory("a process that only speaks to a protocol pauses it where it is hosted", async (stage) => {
  const [host, front] = [await stage.start([worker()]), await stage.start([], { peers: [Worker] })];
  await front.control.pause("worker");
  await stage.pass(heartbeatMs);
  await ref(front, "ada").tell(Worker.note, "one");
  const late = assert.rejects(ref(front, "ada").ask(Worker.call, "notes", { timeoutMs: 3_000 }), {
    code: "deadline",
  });
  await stage.pass(20_000);
  await late;
  assert.equal(host.stats().done, 0);
  await front.control.resume("worker");
  await stage.pass(heartbeatMs);
  assert.deepEqual(await words(host), ["one"]);
});

onEach(
  ["denoKv"],
  "a process that is alone with its store sleeps while what waits is paused",
  async (stage) => {
    const first = await stage.start([worker()]);
    await first.control.pause("worker");
    await ref(first, "ada").tell(Worker.note, "one");
    await first.stop();
    const store = new CountingStore(stage.store);
    const second = await stage.start([worker()], { store });
    await stage.pass(60_000);
    store.begin();
    await stage.pass(600_000, 10_000);
    const { reads, lists, commits } = store.calls;
    assert.deepEqual({ reads, lists, commits }, { reads: 0, lists: 0, commits: 0 });
    assert.equal(second.stats().protocols.worker.actors, 0); // nor is it in memory
    await second.control.resume("worker");
    await stage.settle();
    assert.deepEqual(await words(second), ["one"]);
  },
);

inMemory(
  "a request that is answered later, and an event, go on while the protocol is paused",
  async (stage) => {
    const system = await stage.start([worker({
      later: (ctx) => (ctx as unknown as { later(): unknown }).later(),
    })]);
    const ticket = await ref(system, "ada").submit(Worker.job, "later", { timeoutMs: 60_000 });
    const heard: string[] = [];
    using _ = system.subscribe(Worker.happened, (text) => void heard.push(text));
    await system.subscribe(Worker.happened, ref(system, "bob").at(Worker.note)).ready;
    await stage.settle();
    await system.control.pause("worker");
    await system.publish(Worker.happened, "news");
    await stage.pass(5_000);
    assert.deepEqual(heard, ["news"]);
    assert.equal(await system.control.cancelRequest(ticket.id), "withdrawn");
    await system.control.resume("worker");
    await stage.settle();
    assert.deepEqual(await words(system, "bob"), ["news"]);
  },
);

inMemory("a row that cannot be read pauses nothing, and is written again", async (stage) => {
  const system = await stage.start([worker()]);
  const seen = watch(system, "unreadable");
  const connection = await stage.store.open({ clock: stage.clock });
  await connection.commit([{
    checks: [],
    writes: [{ key: "paused", value: new Uint8Array([1, 2, 3]) }],
    removals: [],
    rings: true,
  }]);
  await connection.close();
  await stage.pass(3 * heartbeatMs);
  assert.deepEqual(seen, ["unreadable paused"]);
  await ref(system, "ada").tell(Worker.note, "one");
  assert.deepEqual(await words(system), ["one"]);
  await system.control.pause("worker");
  await ref(system, "ada").tell(Worker.note, "two");
  await stage.pass(heartbeatMs);
  assert.equal((await stage.keys("mail")).length, 1);
});

inMemory("an instance knows what is paused before it looks for mail", async (stage) => {
  const first = await stage.start([worker()]);
  await first.control.pause("worker");
  await ref(first, "ada").tell(Worker.note, "one");
  await first.stop();
  const { store } = stage;
  const slow: Store = { // it answers late what is paused
    engine: store.engine,
    traits: store.traits,
    async open(services) {
      const connection = await store.open(services);
      return {
        async read(keys) {
          for (let turn = 0; keys.includes("paused") && turn < 100; turn++) {
            await new Promise<void>((resolve) => stage.clock.macrotask(resolve));
          }
          return await connection.read(keys);
        },
        list: (range) => connection.list(range),
        commit: (parts) => connection.commit(parts),
        watch: (onChange) => connection.watch(onChange),
        close: () => connection.close(),
      };
    },
  };
  const second = stage.begin([worker()], { store: slow });
  await stage.pass(60_000);
  assert.equal(second.stats().done, 0);
  assert.equal((await stage.keys("mail")).length, 1);
});
