// A message from outside to a loaded, idle actor with a synchronous handler is accepted with its turn, in one
// commit. If anything prevents that, it is accepted and handled like any other.

import assert from "node:assert/strict";
import {
  type Failure,
  OutcomeUnknownError,
  protocol,
  type Store,
  StoreError,
  type System,
  tell,
  TerminalError,
  unchecked,
} from "@posthorn/posthorn";
import type { AtomicPart } from "@posthorn/posthorn/store";
import { CountingStore } from "./counting.ts";
import {
  deadOf,
  inMemory,
  kinds,
  missedMs,
  note,
  notesOf,
  onEach,
  ref,
  type Scripts,
  sharedKinds,
  type Stage,
  type StageOptions,
  watch,
  Worker,
  worker,
  type WorkerContext,
} from "./durable_stage.ts";

const Desk = protocol("desk", { lost: tell(unchecked<Failure>()) });

/** A system with a loaded actor whose handlers have been synchronous so far. */
async function usual(stage: Stage, scripts: Scripts = {}, options?: StageOptions): Promise<System> {
  const actors = [worker({ hello: (ctx: WorkerContext) => note(ctx, "hello"), ...scripts })];
  const system = await stage.start(actors, options);
  await ref(system, "ada").tell(Worker.note, "first");
  await ref(system, "ada").tell(Worker.run, "hello");
  const ticket = await ref(system, "ada").submit(Worker.job, "hello");
  await ticket.reply();
  await stage.settle();
  return system;
}

const usualNotes = ["first", "hello", "hello"];

/** Whether a commit writes a key of this kind. */
function writesKind(parts: readonly AtomicPart[], kind: string): boolean {
  return parts.some(({ writes }) => writes.some(({ key }) => key.startsWith(`${kind}\u001f`)));
}

/** Its commits, as the kinds of the keys written or removed. */
function written(stage: Stage, system: System): string[] {
  const commits: string[] = [];
  stage.storeOf(system).refuse = (parts) => {
    const kinds = parts.flatMap(({ writes, removals }) => [
      ...writes.map(({ key }) => key.split("\u001f")[0]),
      ...removals.map(({ key }) => `-${key.split("\u001f")[0]}`),
    ]);
    // heartbeats, and commits that can be repeated
    const told = kinds.filter((kind) => !["instance", "mark"].includes(kind));
    if (told.length > 0) commits.push(told.sort().join(" "));
    return undefined;
  };
  return commits;
}

onEach(kinds, "a message to an actor that is here and idle is one commit, and one row", async (stage) => {
  const counting = new CountingStore(stage.store);
  const system = await usual(stage, {}, { store: counting });
  const commits = written(stage, system);
  counting.begin();
  await ref(system, "ada").tell(Worker.note, "second");
  assert.equal(counting.calls.commits, 1);
  assert.deepEqual(commits, ["actor"]);
  await stage.settle();
  assert.deepEqual(commits, ["actor"]);
  assert.deepEqual(await notesOf(system, "ada"), [...usualNotes, "second"]);
});

onEach(
  kinds,
  "a submit to an actor that is here and idle is one commit: its state and its reply",
  async (stage) => {
    const system = await usual(stage);
    const commits = written(stage, system);
    const ticket = await ref(system, "ada").submit(Worker.job, "notes");
    assert.deepEqual(commits, ["actor reply"]);
    assert.deepEqual(await ticket.reply(), usualNotes);
  },
);

inMemory("a message of more than 64 KiB is stored before its turn", async (stage) => {
  const system = await usual(stage, { size: () => {} });
  await ref(system, "ada").tell(Worker.run, "size");
  await stage.settle();
  const commits = written(stage, system);
  await ref(system, "ada").tell(Worker.run, `size ${"x".repeat(65_000)}`);
  await stage.settle();
  assert.equal(commits.some((kinds) => kinds.includes("mail")), false);
  await ref(system, "ada").tell(Worker.run, `size ${"x".repeat(66_000)}`);
  assert.equal(commits.some((kinds) => kinds.includes("mail")), true);
});

inMemory(
  "a submit that is a dead letter leaves a reply that says so, whoever is told besides",
  async (stage) => {
    const scripts = {
      refuse() {
        throw new TerminalError("no");
      },
    };
    const system = await usual(stage, scripts);
    const commits = written(stage, system);
    const ticket = await ref(system, "ada").submit(Worker.job, "refuse");
    await assert.rejects(ticket.reply(), { code: "terminal", message: "no" });
    const told = await ref(system, "ada").submit(Worker.job, "refuse", {
      failTo: system.ref(Desk, "one").at(Desk.lost),
    });
    await assert.rejects(told.reply({ peek: true }), { code: "terminal", message: "no" });
    assert.deepEqual(commits.slice(0, 1), ["actor dead reply"]);
    assert.equal(deadOf(system).length, 2);
  },
);

onEach(kinds, "messages that are sent at once are one commit, in their order", async (stage) => {
  const system = await usual(stage);
  const commits = written(stage, system);
  const texts = Array.from({ length: 40 }, (_, index) => String(index));
  await Promise.all(texts.map((text) => ref(system, "ada").tell(Worker.note, text)));
  assert.deepEqual(commits, ["actor"]);
  assert.deepEqual(await notesOf(system, "ada"), [...usualNotes, ...texts]);
});

onEach(
  kinds,
  "what has an id is committed to its mailbox first, behind what came before",
  async (stage) => {
    const runs: string[] = [];
    const scripts = { run: (_: WorkerContext, text: string) => void runs.push(text) };
    const system = await usual(stage, scripts);
    const commits = written(stage, system);
    await Promise.all([
      ref(system, "ada").tell(Worker.note, "a"),
      ref(system, "ada").tell(Worker.run, "run b", { id: "b" }),
      ref(system, "ada").tell(Worker.note, "c"),
      ref(system, "ada").tell(Worker.run, "run b", { id: "b" }),
    ]);
    await stage.settle();
    assert.deepEqual(await notesOf(system, "ada"), [...usualNotes, "a", "c"]);
    assert.deepEqual(runs, ["b"]); // never without effect
    assert.equal(commits[0], "actor");
    assert.ok(commits.length > 1);
  },
);

inMemory("a message behind which others wait to be stored is decided before them", async (stage) => {
  const system = await usual(stage);
  const store = stage.storeOf(system);
  const order: string[] = [];
  store.refuse = (parts) => {
    for (const { writes } of parts) {
      if (writes.some(({ key }) => key.startsWith("mail"))) order.push("mail");
      else if (writes.some(({ key }) => key.startsWith("actor"))) order.push("turn");
    }
    return undefined;
  };
  await Promise.all([
    ref(system, "ada").tell(Worker.note, "a"),
    ref(system, "ada").tell(Worker.note, "b", { id: "b" }),
  ]);
  assert.deepEqual(order.slice(0, 2), ["turn", "mail"]);
});

onEach(
  kinds,
  "a handler that is awaited for the first time: its message is stored while it runs, once",
  async (stage) => {
    const runs: string[] = [];
    let goOn = () => {};
    const scripts = {
      wait(ctx: WorkerContext, text: string) {
        runs.push(text);
        return new Promise<void>((resolve) => goOn = resolve).then(() => note(ctx, text));
      },
    };
    const system = await usual(stage, scripts);
    const commits = written(stage, system);
    const before = ref(system, "ada").tell(Worker.note, "before");
    const waiting = ref(system, "ada").tell(Worker.run, "wait a");
    const behind = ref(system, "ada").tell(Worker.note, "behind");
    await Promise.all([before, waiting, behind]); // accepted, although the handler continues
    assert.deepEqual(runs, ["a"]);
    assert.equal(commits.filter((commit) => commit.includes("actor")).length, 0);
    goOn();
    await stage.settle();
    assert.deepEqual(await notesOf(system, "ada"), [...usualNotes, "before", "a", "behind"]);
    assert.deepEqual(runs, ["a"]);
    assert.deepEqual(await stage.keys("mail"), []);
  },
);

inMemory("a message whose handler is awaited outlives its process, once it is accepted", async (stage) => {
  const scripts = { wait: () => new Promise<void>(() => {}) };
  const first = await usual(stage, scripts);
  await ref(first, "ada").tell(Worker.run, "wait a");
  await stage.kill(first);
  const second = await stage.start([worker({ wait: (ctx: WorkerContext, text: string) => note(ctx, text) })]);
  await stage.pass(missedMs);
  assert.deepEqual(await notesOf(second, "ada"), [...usualNotes, "a"]);
});

onEach(kinds, "a message whose handler fails is stored with that attempt, in one commit", async (stage) => {
  const attempts: number[] = [];
  const scripts = {
    fail(ctx: WorkerContext) {
      attempts.push(ctx.attempt);
      throw new Error("again");
    },
  };
  const first = await usual(stage, scripts);
  const commits = written(stage, first);
  await ref(first, "ada").tell(Worker.run, "fail");
  assert.deepEqual(attempts, [1]);
  assert.equal(commits.length, 1);
  assert.equal((await stage.keys("mail")).length, 1);
  await stage.kill(first);

  const heal = {
    fail(ctx: WorkerContext) {
      attempts.push(ctx.attempt);
      note(ctx, "done");
    },
  };
  const second = await stage.start([worker(heal)]);
  await stage.pass(missedMs);
  assert.deepEqual(await notesOf(second, "ada"), [...usualNotes, "done"]);
  assert.equal(attempts[0], 1);
  assert.ok(attempts[1] > 1);
  assert.deepEqual(await stage.keys("mail"), []);
});

inMemory(
  "what waits behind a message that fails and holds its place is stored, and comes behind it",
  async (stage) => {
    let failing = true;
    const scripts = {
      fail(ctx: WorkerContext) {
        if (failing) throw new Error("again");
        note(ctx, "failed before");
      },
    };
    const system = await usual(stage, scripts);
    await Promise.all([
      ref(system, "ada").tell(Worker.run, "fail"),
      ref(system, "ada").tell(Worker.note, "behind"),
    ]);
    failing = false;
    await stage.pass(5_000);
    assert.deepEqual(await notesOf(system, "ada"), [...usualNotes, "failed before", "behind"]);
  },
);

inMemory("a message that fails and steps aside is stored at its new position", async (stage) => {
  let failing = true;
  const scripts = {
    hello: (ctx: WorkerContext) => note(ctx, "hello"),
    fail(ctx: WorkerContext) {
      if (failing) throw new Error("again");
      note(ctx, "failed before");
    },
  };
  const system = await stage.start([worker(scripts, { retry: { order: "aside" } })]);
  await ref(system, "ada").tell(Worker.run, "hello");
  await stage.settle();
  const commits = written(stage, system);
  await ref(system, "ada").tell(Worker.run, "fail");
  assert.deepEqual(commits, ["actor index mail"]);
  await ref(system, "ada").tell(Worker.note, "behind");
  failing = false;
  await stage.pass(5_000);
  assert.deepEqual(await notesOf(system, "ada"), ["hello", "behind", "failed before"]);
});

inMemory(
  "a message that is a dead letter at once is accepted with its letter, in one commit",
  async (stage) => {
    const scripts = {
      refuse() {
        throw new TerminalError("no");
      },
    };
    const system = await usual(stage, scripts);
    const commits = written(stage, system);
    await ref(system, "ada").tell(Worker.run, "refuse");
    assert.equal(commits.length, 1);
    assert.match(commits[0], /dead/);
    await stage.settle();
    assert.deepEqual(deadOf(system), ["ada run: terminal"]);
  },
);

onEach(
  sharedKinds,
  "where another instance went on, a message is stored, and takes effect once",
  async (stage) => {
    const first = await usual(stage);
    const second = await usual(stage); // it has loaded the actor now
    const commits = written(stage, first);
    await ref(first, "ada").tell(Worker.note, "a");
    await stage.settle();
    assert.match(commits.join("; "), /^actor; index mail/);
    assert.deepEqual(await notesOf(first, "ada"), [...usualNotes, ...usualNotes, "a"]);
    assert.deepEqual(await notesOf(second, "ada"), [...usualNotes, ...usualNotes, "a"]);
  },
);

inMemory("a message whose commit has an unknown outcome is not known to be accepted", async (stage) => {
  const system = await usual(stage);
  stage.storeOf(system).refuse = () => new OutcomeUnknownError("Cannot tell");
  await assert.rejects(ref(system, "ada").tell(Worker.note, "a"), {
    code: "outcome-unknown",
    message: "Cannot tell whether worker/ada note was accepted",
  });
});

inMemory(
  "a message that the store refuses is not accepted, and those behind it go their own way",
  async (stage) => {
    const system = await usual(stage);
    let refusals = 1;
    stage.storeOf(system).refuse = () =>
      refusals-- > 0 ? new StoreError("store-unavailable", "Cannot commit: it is away") : undefined;
    const refused = assert.rejects(ref(system, "ada").tell(Worker.note, "a"), { code: "store-unavailable" });
    await Promise.resolve().then(() => {}).then(() => {}); // it has its turn
    const behind = ref(system, "ada").tell(Worker.note, "b");
    await refused;
    await behind;
    await stage.pass(5_000);
    assert.deepEqual(await notesOf(system, "ada"), [...usualNotes, "b"]);
  },
);

inMemory("a message that ends its process was never accepted, and is not retried", async (stage) => {
  let first: System | undefined = undefined;
  const ended: Promise<void>[] = [];
  const scripts = {
    poison: () => void ended.push(stage.kill(first!)),
  };
  first = await usual(stage, scripts);
  let told = false;
  ref(first, "ada").tell(Worker.run, "poison").then(() => told = true, () => told = true);
  await stage.settle();
  await Promise.all(ended);
  assert.equal(ended.length, 1);
  assert.equal(told, false);
  const second = await stage.start([worker()]);
  await stage.pass(missedMs);
  assert.deepEqual(await notesOf(second, "ada"), usualNotes);
  assert.deepEqual(deadOf(second), []);
});

inMemory(
  "a sender that waits for a turn when the system stops is told that nothing was accepted",
  async (stage) => {
    const system = await usual(stage);
    stage.storeOf(system).hangs = (key) => key.startsWith("actor");
    const inHand = assert.rejects(ref(system, "ada").tell(Worker.note, "a"), { code: "outcome-unknown" });
    await Promise.resolve().then(() => {}).then(() => {});
    const waiting = assert.rejects(ref(system, "ada").tell(Worker.note, "b"), {
      code: "stopping",
      message: "Cannot accept for worker/ada: the system has stopped",
    });
    const stopped = system.stop({ drainMs: 0 });
    await stage.pass(60_000);
    await Promise.all([inHand, waiting, stopped]);
  },
);

inMemory("an inspector is told once that it is accepted, before its turn", async (stage) => {
  const system = await usual(stage);
  const lines = watch(system, "accepted", "started", "done");
  await ref(system, "ada").tell(Worker.note, "a");
  assert.deepEqual(lines, ["accepted ada note", "started ada note", "done ada note"]);
});

inMemory(
  "a turn that cannot be committed is a dead letter, of a message that was accepted",
  async (stage) => {
    const limits = { ...stage.store.traits.limits, valueBytes: 4_000, bytes: 8_000 };
    const store: Store = {
      engine: stage.store.engine,
      traits: { ...stage.store.traits, limits },
      open: (services) => stage.store.open(services),
    };
    const scripts = { swell: (ctx: WorkerContext) => void (ctx.state = ["x".repeat(10_000)]) };
    const system = await usual(stage, scripts, { store });
    await ref(system, "ada").tell(Worker.run, "swell");
    await stage.settle();
    assert.deepEqual(deadOf(system), ["ada run: too-large"]);
    assert.deepEqual(await notesOf(system, "ada"), usualNotes);
  },
);

onEach(kinds, "a message behind one that is on its way by itself is stored behind it", async (stage) => {
  const system = await usual(stage);
  const commits = written(stage, system);
  await Promise.all([
    ref(system, "ada").tell(Worker.note, "a", { id: "a" }),
    ref(system, "ada").tell(Worker.note, "b"),
  ]);
  await stage.settle();
  assert.match(commits[0], /^index/);
  assert.deepEqual(await notesOf(system, "ada"), [...usualNotes, "a", "b"]);
});

inMemory(
  "who listens hears once that a message is accepted, also where it is stored after all",
  async (stage) => {
    const scripts = {
      wait: () => Promise.resolve(),
      fail() {
        throw new TerminalError("no");
      },
    };
    const system = await usual(stage, scripts);
    const lines = watch(system, "accepted");
    await Promise.all([
      ref(system, "ada").tell(Worker.run, "wait"),
      ref(system, "ada").tell(Worker.note, "behind"),
    ]);
    await stage.settle();
    assert.deepEqual(lines, ["accepted ada run", "accepted ada note"]);
  },
);

inMemory(
  "a turn that cannot be committed, and whose letter has no room beside the state, is a dead letter",
  async (stage) => {
    const limits = { ...stage.store.traits.limits, bytes: 8_000 };
    const store: Store = {
      engine: stage.store.engine,
      traits: { ...stage.store.traits, limits },
      open: (services) => stage.store.open(services),
    };
    const scripts = {
      fill: (ctx: WorkerContext) => void (ctx.state = ["x".repeat(6_500)]),
      swell: (ctx: WorkerContext, text: string) => void (ctx.state = [...ctx.state, text]),
    };
    const system = await usual(stage, scripts, { store });
    await ref(system, "ada").tell(Worker.run, "fill");
    await ref(system, "ada").tell(Worker.run, `swell ${"y".repeat(1_600)}`);
    await stage.pass(2_000);
    assert.deepEqual(deadOf(system), ["ada run: too-large"]);
    await ref(system, "ada").tell(Worker.note, "more");
    assert.equal((await notesOf(system, "ada") as string[]).length, 2);
  },
);

/** A store with small commits, and an actor whose state takes most of one. */
async function crowded(stage: Stage, scripts: Scripts): Promise<System> {
  const limits = { ...stage.store.traits.limits, valueBytes: 8_000, bytes: 8_400 };
  const store: Store = {
    engine: stage.store.engine,
    traits: { ...stage.store.traits, limits },
    open: (services) => stage.store.open(services),
  };
  const fill = (ctx: WorkerContext) => void (ctx.state = ["x".repeat(7_000)]);
  return await usual(stage, { fill, ...scripts }, { store });
}

inMemory(
  "a message that fails and has no room beside the turn before it takes nothing from that",
  async (stage) => {
    let failing = true;
    const scripts = {
      fail(ctx: WorkerContext) {
        if (failing) throw new Error("again");
        note(ctx, "failed before");
      },
    };
    const system = await crowded(stage, scripts);
    await Promise.all([
      ref(system, "ada").tell(Worker.run, "fill"),
      ref(system, "ada").tell(Worker.run, `fail ${"y".repeat(1_700)}`),
    ]);
    failing = false;
    await stage.pass(10_000);
    assert.deepEqual(deadOf(system), []);
    assert.deepEqual(await notesOf(system, "ada"), ["x".repeat(7_000), "failed before"]);
  },
);

inMemory(
  "a message that fails and has no room beside the state is stored, and fails no ask behind it",
  async (stage) => {
    let failing = true;
    const scripts = {
      fail(ctx: WorkerContext) {
        if (failing) throw new Error("again");
        note(ctx, "failed before");
      },
      size: (ctx: WorkerContext) => ctx.state.length,
    };
    const system = await crowded(stage, scripts);
    await ref(system, "ada").tell(Worker.run, "fill");
    const told = ref(system, "ada").tell(Worker.run, `fail ${"y".repeat(1_700)}`);
    const asked = ref(system, "ada").ask(Worker.call, "size", { timeoutMs: 600_000 });
    await told;
    failing = false;
    await stage.pass(10_000);
    assert.equal(await asked, 2);
    assert.deepEqual(deadOf(system), []);
  },
);

inMemory(
  "an instance that was taken for dead keeps an actor to which a message is on its way, and its order",
  async (stage) => {
    const gate = Promise.withResolvers<void>();
    let holding = false;
    const store: Store = {
      engine: stage.store.engine,
      traits: { ...stage.store.traits, commitsAtOnce: 4 },
      async open(services) {
        const connection = await stage.store.open(services);
        return {
          read: (keys) => connection.read(keys),
          list: (range) => connection.list(range),
          async commit(parts) {
            if (holding && writesKind(parts, "mail")) await gate.promise;
            return await connection.commit(parts);
          },
          watch: (onChange) => connection.watch(onChange),
          close: () => connection.close(),
        };
      },
    };
    const calm = async () => { // would wait until its store has answered every call, which it does not
      for (let turn = 0; turn < 30; turn++) await stage.clock.settle();
    };
    const system = await usual(stage, {}, { store });
    let mute = true;
    stage.storeOf(system).refuse = (parts) =>
      mute && writesKind(parts, "instance") ? new Error("not now") : undefined;
    await stage.start([worker()]);
    await stage.pass(missedMs);
    holding = true;
    const onItsWay = ref(system, "ada").tell(Worker.note, "a", { id: "a" });
    await calm();
    mute = false;
    for (let seconds = 0; seconds < 6; seconds++) {
      await stage.clock.advance(1_000);
      await calm();
    }
    await system.signal(ref(system, "ada"), "restart"); // so it is loaded
    await calm();
    const asked = notesOf(system, "ada"); // waits for the message that is on its way
    const behind = ref(system, "ada").tell(Worker.note, "b");
    await calm();
    gate.resolve();
    await Promise.all([onItsWay, behind]);
    assert.deepEqual(await asked, [...usualNotes, "a"]);
    await stage.pass(missedMs);
    assert.deepEqual(await notesOf(system, "ada"), [...usualNotes, "a", "b"]);
  },
);
