// The bounds of a durable mailbox, and a backlog larger than memory holds.

import assert from "node:assert/strict";
import {
  deadOf,
  inMemory,
  kinds,
  missedMs,
  note,
  notesOf,
  onEach,
  ref,
  type Stage,
  Worker,
  worker,
  type WorkerContext,
} from "./durable_stage.ts";

/** An actor that is busy until its gate opens. */
function busy(capacity: number, overflow: "reject" | "drop-oldest" | "drop-newest") {
  const gate = Promise.withResolvers<void>();
  const wait = () => gate.promise;
  return { gate, actors: [worker({ wait }, { mailbox: { capacity, overflow } })] };
}

onEach(
  kinds,
  "reject: a full mailbox refuses what comes from outside, and takes it when there is room",
  async (stage) => {
    const { gate, actors } = busy(3, "reject");
    const system = await stage.start(actors);
    await ref(system, "ada").tell(Worker.run, "wait");
    await stage.settle();
    const results = await Promise.allSettled(
      Array.from({ length: 10 }, (_, index) => ref(system, "ada").tell(Worker.note, `${index}`)),
    );
    const accepted = results.flatMap(({ status }, index) => status === "fulfilled" ? [`${index}`] : []);
    assert.ok(accepted.length >= 2 && accepted.length <= 3, `${accepted.length}`);
    const full = { name: "MailboxFullError", code: "mailbox-full" };
    await assert.rejects(ref(system, "ada").submit(Worker.job, "notes"), full);
    await assert.rejects(ref(system, "ada").ask(Worker.call, "notes"), full);
    gate.resolve();
    await stage.settle();
    assert.deepEqual(await notesOf(system, "ada"), accepted);
    assert.deepEqual(deadOf(system), []);
  },
);

onEach(
  kinds,
  "drop-oldest: those that have waited longest give way, and what runs goes on",
  async (stage) => {
    const { gate, actors } = busy(3, "drop-oldest");
    const system = await stage.start(actors);
    await ref(system, "ada").tell(Worker.run, "wait");
    await stage.settle();
    for (let index = 0; index < 8; index++) await ref(system, "ada").tell(Worker.note, `${index}`);
    gate.resolve();
    await stage.settle();
    const kept = await notesOf(system, "ada") as string[];
    assert.deepEqual(kept, ["0", "1", "2", "3", "4", "5", "6", "7"].slice(-kept.length));
    assert.ok(kept.length >= 2 && kept.length <= 3, `${kept}`);
    await stage.pass(stage.store.traits.heartbeatMs); // a commit may have overtaken that of an earlier letter
    assert.deepEqual(deadOf(system), Array(8 - kept.length).fill("ada note: dropped"));
  },
);

onEach(kinds, "drop-newest: the latest messages are evicted", async (stage) => {
  const { gate, actors } = busy(3, "drop-newest");
  const system = await stage.start(actors);
  await ref(system, "ada").tell(Worker.run, "wait");
  await stage.settle();
  for (let index = 0; index < 8; index++) await ref(system, "ada").tell(Worker.note, `${index}`);
  gate.resolve();
  await stage.settle();
  const kept = await notesOf(system, "ada") as string[];
  assert.deepEqual(kept, ["0", "1", "2"].slice(0, kept.length));
  assert.ok(kept.length >= 2 && kept.length <= 3, `${kept}`);
  assert.deepEqual(deadOf(system), Array(8 - kept.length).fill("ada note: dropped"));
});

for (const overflow of ["drop-oldest", "drop-newest"] as const) {
  inMemory(`${overflow}: an ask is refused, and a dead letter that is sent again comes in`, async (stage) => {
    const gate = Promise.withResolvers<void>();
    let mended = false;
    const wait = () => gate.promise;
    const odd = (ctx: WorkerContext) => {
      if (!mended) throw new Error("not yet");
      note(ctx, "sent again");
    };
    const traits = { mailbox: { capacity: 1, overflow }, retry: { attempts: 1 } };
    const system = await stage.start([worker({ wait, odd }, traits)]);
    await ref(system, "ada").tell(Worker.run, "odd");
    await stage.settle();
    mended = true;
    await ref(system, "ada").tell(Worker.run, "wait");
    await stage.settle();
    await ref(system, "ada").tell(Worker.note, "waits");
    await assert.rejects(ref(system, "ada").ask(Worker.call, "notes"), { code: "mailbox-full" });
    await system.deadLetters.resend(system.deadLetters.list()[0].id);
    gate.resolve();
    await stage.settle();
    assert.deepEqual(await notesOf(system, "ada"), ["waits", "sent again"]);
  });
}

for (const overflow of ["drop-oldest", "drop-newest"] as const) {
  inMemory(`${overflow}: what has given way takes no room from others`, async (stage) => {
    const gates = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const actors = [worker({ wait: (_ctx, name) => gates[Number(name)].promise }, {
      mailbox: { capacity: 4, overflow },
    })];
    const system = await stage.start(actors);
    await ref(system, "ada").tell(Worker.run, "wait 0");
    await stage.settle();
    await ref(system, "ada").tell(Worker.run, "wait 1"); // with drop-newest it stays
    for (let index = 0; index < 20; index++) await ref(system, "ada").tell(Worker.note, `a${index}`);
    gates[0].resolve();
    await stage.settle();
    const died = deadOf(system).length;
    for (const text of ["b0"]) await ref(system, "ada").tell(Worker.note, text);
    gates[1].resolve();
    await stage.settle();
    const kept = await notesOf(system, "ada") as string[];
    if (overflow === "drop-newest") assert.equal(kept.at(-1), "b0", `${kept}, ${died} dead`);
    assert.equal(kept.length + deadOf(system).filter((line) => line.includes("note")).length, 21);
    assert.ok(kept.length >= 3, `${kept}`);
  });
}

for (const overflow of ["drop-oldest", "drop-newest"] as const) {
  onEach(
    kinds,
    `${overflow}: an evicted message is removed from the store at once, and stays removed`,
    async (stage) => {
      const { actors } = busy(4, overflow);
      const first = await stage.start(actors);
      await ref(first, "ada").tell(Worker.run, "wait");
      await stage.settle();
      const texts = Array.from({ length: 300 }, (_, index) => `${index}`);
      await Promise.all(texts.map((text) => ref(first, "ada").tell(Worker.note, text)));
      await stage.settle();
      assert.ok(await waitingIn(stage) <= 5, "with the one that runs");
      await stage.kill(first);
      const second = await stage.start([worker({ wait: () => {} }, { mailbox: { capacity: 4, overflow } })]);
      await stage.pass(missedMs);
      const kept = await notesOf(second, "ada") as string[];
      const expected = overflow === "drop-oldest" ? texts.slice(-kept.length) : texts.slice(0, kept.length);
      assert.deepEqual(kept, expected);
      assert.ok(kept.length >= 3, `${kept}`);
      assert.deepEqual(deadOf(second), Array(300 - kept.length).fill("ada note: dropped"));
    },
  );
}

onEach(
  kinds,
  "drop-newest: an evicted submit is told so, also by its ticket",
  async (stage) => {
    const { actors } = busy(1, "drop-newest");
    const system = await stage.start(actors);
    await ref(system, "ada").tell(Worker.run, "wait");
    await stage.settle();
    await ref(system, "ada").tell(Worker.note, "waits"); // the running message takes no room
    const ticket = await ref(system, "ada").submit(Worker.job, "notes", { id: "7" });
    await assert.rejects(ticket.reply(), { code: "dropped" });
    const again = await ref(system, "ada").submit(Worker.job, "notes", { id: "7" });
    await assert.rejects(again.reply(), { code: "dropped" });
    await stage.settle(); // the store may tell of the reply before it tells that the commit has landed
    assert.deepEqual(deadOf(system), ["ada job: dropped"]);
  },
);

onEach(["denoKv"], "one that is too large for a dead letter beside it does not give way", async (stage) => {
  const { gate, actors } = busy(2, "drop-oldest");
  const system = await stage.start(actors);
  await ref(system, "ada").tell(Worker.run, "wait");
  await stage.settle();
  let large = "x".repeat(800_000);
  for (let accepted = false; !accepted; large = large.slice(accepted ? 0 : 50)) {
    accepted = await ref(system, "ada").tell(Worker.note, large).then(() => true, () => false);
  }
  await ref(system, "ada").tell(Worker.note, "small");
  await stage.pass(100, 10);
  gate.resolve();
  await stage.pass(100, 10);
  assert.deepEqual(await notesOf(system, "ada"), ["small"]);
  assert.deepEqual(deadOf(system), ["ada note: too-large"]);
});

/** The number of messages in the store. */
async function waitingIn(stage: Stage): Promise<number> {
  const connection = await stage.store.open({ clock: stage.clock });
  const rows = await connection.list({ prefix: "mail\u001f", limit: 1_000 });
  await connection.close();
  return rows.length;
}

onEach(
  kinds,
  "what turns send has ten times the room, and past that is a dead letter at once",
  async (stage) => {
    const { gate } = busy(2, "reject");
    const send = (ctx: WorkerContext, text: string) => ctx.ref(Worker, "bob").tell(Worker.note, text);
    const system = await stage.start([
      worker({ send, wait: () => gate.promise }, { mailbox: { capacity: 2 } }),
    ]);
    await ref(system, "bob").tell(Worker.run, "wait");
    await stage.settle();
    for (let index = 0; index < 30; index++) {
      await ref(system, "ada").tell(Worker.run, `send ${index}`);
      await stage.settle();
    }
    const dead = deadOf(system);
    assert.ok(dead.length >= 10 && dead.length <= 12, `${dead.length}`);
    assert.ok(dead.every((line) => line === "bob note: mailbox-full"));
    gate.resolve();
    await stage.settle();
    const kept = Array.from({ length: 30 - dead.length }, (_, index) => `${index}`);
    assert.deepEqual(await notesOf(system, "bob"), kept);
  },
);

onEach(kinds, "the messages of one turn are counted together", async (stage) => {
  const { gate } = busy(2, "reject");
  const send = (ctx: WorkerContext) => {
    for (let index = 0; index < 25; index++) {
      ctx.ref(Worker, "bob").tell(Worker.note, `${index}`);
      ctx.ref(Worker, "eve").tell(Worker.note, `${index}`);
    }
  };
  const system = await stage.start([
    worker({ send, wait: () => gate.promise }, { mailbox: { capacity: 2 } }),
  ]);
  for (const key of ["bob", "eve"]) await ref(system, key).tell(Worker.run, "wait");
  await stage.settle();
  await ref(system, "ada").tell(Worker.run, "send");
  await stage.settle();
  const dead = deadOf(system);
  gate.resolve();
  await stage.settle();
  for (const key of ["bob", "eve"]) {
    const kept = await notesOf(system, key) as string[];
    assert.deepEqual(kept, Array.from({ length: kept.length }, (_, index) => `${index}`));
    assert.ok(kept.length === 19 || kept.length === 20, `${kept.length}`);
    const given = dead.filter((line) => line === `${key} note: mailbox-full`).length;
    assert.equal(kept.length + given, 25);
  }
});

onEach(kinds, "a bound of more than a page holds over a restart as well", async (stage) => {
  const capacity = 2_000;
  const { actors } = busy(capacity, "reject");
  const first = await stage.start(actors);
  await ref(first, "ada").tell(Worker.run, "wait");
  await stage.settle();
  await fill(first, capacity); // and one is running
  await stage.kill(first);
  const second = await stage.start(busy(capacity, "reject").actors);
  await stage.pass(missedMs);
  await assert.rejects(ref(second, "ada").tell(Worker.note, "more"), { code: "mailbox-full" });
});

async function fill(system: Parameters<typeof ref>[0], count: number): Promise<void> {
  for (let from = 0; from < count; from += 500) {
    const texts = Array.from({ length: Math.min(500, count - from) }, (_, index) => `${from + index}`);
    await Promise.all(texts.map((text) => ref(system, "ada").tell(Worker.note, text)));
  }
}

for (const [kind, count] of [["memory", 5_000], ["sqlite", 5_000], ["denoKv", 1_000]] as const) {
  onEach([kind], `a backlog of ${count} is taken in by windows, in order, over a restart`, async (stage) => {
    const gate = Promise.withResolvers<void>();
    const traits = { mailbox: { capacity: 10_000 } };
    const first = await stage.start([worker({ wait: () => gate.promise }, traits)]);
    await ref(first, "ada").tell(Worker.run, "wait");
    await stage.settle();
    await fill(first, count);
    await stage.kill(first);
    let most = 0;
    const second = await stage.start([worker({ wait: (ctx) => note(ctx, "waited") }, {
      ...traits,
      state: () => [],
    })]);
    for (let turn = 0; turn < 12; turn++) {
      await stage.pass(1_000);
      most = Math.max(most, second.stats().waiting);
    }
    const notes = await notesOf(second, "ada") as string[];
    assert.equal(notes.length, count + 1);
    assert.deepEqual(notes, ["waited", ...Array.from({ length: count }, (_, index) => `${index}`)]);
    assert.equal(second.stats().waiting, 0);
  });
}

inMemory("accepted is done, dead and waiting together", async (stage) => {
  const { gate, actors } = busy(3, "drop-oldest");
  const system = await stage.start(actors);
  await ref(system, "ada").tell(Worker.run, "wait");
  await stage.settle();
  for (let index = 0; index < 8; index++) await ref(system, "ada").tell(Worker.note, `${index}`);
  gate.resolve();
  await stage.settle();
  const { accepted, done, dead, waiting, running } = system.stats();
  assert.deepEqual([accepted, waiting, running], [done + dead, 0, 0]);
  assert.equal(accepted, 9);
});
