// Dead letters are in the store: listed by every process, bounded, and resent by any.

import assert from "node:assert/strict";
import { System, TerminalError } from "@posthorn/posthorn";
import { VirtualClock } from "@posthorn/posthorn/testing";
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
  type WorkerContext,
} from "./durable_stage.ts";

const broken = {
  mend: () => {
    throw new TerminalError("Broken", { code: "broken" });
  },
};
const mended = { mend: (ctx: WorkerContext, text: string) => note(ctx, `mended ${text} ${ctx.id}`) };

onEach(kinds, "dead letters are listed after a restart, with all their properties", async (stage) => {
  const first = await stage.start([worker(broken)]);
  await ref(first, "ada").tell(Worker.run, "mend it", { id: "7" });
  await stage.settle();
  const [letter] = first.deadLetters.list();
  assert.deepEqual({ ...letter }, {
    id: "7",
    protocol: "worker",
    key: "ada",
    operation: "run",
    payload: "mend it",
    reason: "broken",
    message: letter.message,
    attempts: 1,
    atMs: stage.clock.now(),
  });
  await stage.kill(first);
  const second = await stage.start([worker(mended)]);
  assert.deepEqual(second.deadLetters.list().map((each) => ({ ...each })), [{ ...letter }]);
});

onEach(
  sharedKinds,
  "dead letters of an instance whose clock is behind are listed by the others too",
  async (stage) => {
    const [first, behind] = [
      await stage.start([worker(broken)]),
      await stage.start([worker(broken)], { aheadMs: -30_000 }),
    ];
    await ref(first, "ada").tell(Worker.run, "mend it");
    await stage.settle();
    await ref(behind, "bob").tell(Worker.run, "mend it");
    await stage.pass(missedMs);
    for (const system of [first, behind]) {
      assert.deepEqual(deadOf(system).sort(), ["ada run: broken", "bob run: broken"]);
    }
  },
);

onEach(kinds, "a dead letter whose error is larger than a commit is shortened", async (stage) => {
  const system = await stage.start([worker({
    shout: () => {
      throw new TerminalError("!".repeat(2_000_000), { code: "loud" });
    },
  })]);
  const ticket = await ref(system, "ada").submit(Worker.job, "shout");
  await stage.settle();
  assert.deepEqual(deadOf(system), ["ada job: loud"]);
  const [{ message }] = system.deadLetters.list();
  assert.ok(message.length < 5_000 && message.endsWith("!…"));
  await assert.rejects(ticket.reply(), { code: "loud" });
});

onEach(kinds, "a dead letter is resent by the next process: same id, same payload, once", async (stage) => {
  const first = await stage.start([worker(broken)]);
  await ref(first, "ada").tell(Worker.run, "mend it", { id: "7" });
  await stage.settle();
  await stage.kill(first);
  const second = await stage.start([worker(mended)]);
  await second.deadLetters.resend("7");
  assert.deepEqual(await notesOf(second, "ada"), ["mended it 7"]);
  assert.deepEqual(deadOf(second), []);
  await assert.rejects(async () => await second.deadLetters.resend("7"), { code: "unknown-dead-letter" });
  await stage.kill(second);
  const third = await stage.start([worker(mended)]);
  await stage.pass(missedMs);
  assert.deepEqual(deadOf(third), []);
  assert.deepEqual(await notesOf(third, "ada"), ["mended it 7"]);
});

onEach(
  sharedKinds,
  "of two instances that resend a dead letter one succeeds, and the other rejects",
  async (stage) => {
    const first = await stage.start([worker(broken)]);
    await ref(first, "ada").tell(Worker.run, "mend it", { id: "7" });
    await stage.settle();
    await stage.kill(first);
    const systems = [await stage.start([worker(mended)]), await stage.start([worker(mended)])];
    const sent = await Promise.allSettled(systems.map((system) => system.deadLetters.resend("7")));
    assert.deepEqual(sent.map(({ status }) => status).sort(), ["fulfilled", "rejected"]);
    await stage.pass(missedMs);
    for (const system of systems) {
      assert.deepEqual(await notesOf(system, "ada"), ["mended it 7"]);
      assert.deepEqual(deadOf(system), []);
    }
  },
);

onEach(kinds, "a resent request is answered", async (stage) => {
  const first = await stage.start([worker(broken)]);
  const { id } = await ref(first, "ada").submit(Worker.job, "mend it", { id: "7" });
  await stage.settle();
  await assert.rejects(first.ticket(id).reply({ timeoutMs: 0 }), { code: "broken" });
  await stage.kill(first);
  const second = await stage.start([worker({ mend: () => "mended" })]);
  await second.deadLetters.resend("7");
  await stage.settle();
  assert.equal(await second.ticket(id).reply({ timeoutMs: 0 }), "mended");
});

inMemory("dead letters past their bound are evicted, oldest first, from the store as well", async (stage) => {
  const options = { limits: { deadLetters: 5 } };
  const first = await stage.start([worker(broken)], options);
  for (let index = 0; index < 12; index++) {
    await ref(first, "ada").tell(Worker.run, "mend it", { id: `${index}` });
  }
  await stage.pass(3_000);
  const latest = ["7", "8", "9", "10", "11"];
  assert.deepEqual(first.deadLetters.list().map(({ id }) => id), latest);
  await stage.kill(first);
  const second = await stage.start([worker(broken)], { limits: { deadLetters: 100 } });
  assert.deepEqual(second.deadLetters.list().map(({ id }) => id), latest);
});

inMemory("a bound of dead letters larger than a page of the store holds too", async (stage) => {
  const options = { limits: { deadLetters: 1_200 } };
  const system = await stage.start([worker(broken)], options);
  for (let round = 0; round < 15; round++) {
    const sent = Array.from({ length: 100 }, () => ref(system, "ada").tell(Worker.run, "mend it"));
    await Promise.all(sent);
    await stage.settle();
  }
  await stage.pass(10_000);
  assert.equal(system.deadLetters.size, 1_200);
  const other = await stage.start([worker(broken)], { limits: { deadLetters: 10_000 } });
  assert.equal(other.deadLetters.size, 1_200);
});

inMemory("every dead letter is inspected and counted", async (stage) => {
  const system = await stage.start([worker({
    ...broken,
    flood(ctx) {
      for (let index = 0; index < 25; index++) ctx.ref(Worker, "bob").tell(Worker.run, "wait");
    },
    wait: () => new Promise(() => {}),
  }, { mailbox: { capacity: 1 } })]);
  const lines = watch(system, "dead");
  await ref(system, "ada").tell(Worker.run, "mend it");
  await stage.settle();
  assert.deepEqual(lines, ["dead ada run: broken"]);
  assert.equal(system.deadLetters.total, 1);
  await ref(system, "bob").tell(Worker.run, "wait");
  await ref(system, "ada").tell(Worker.run, "flood");
  await stage.settle();
  await ref(system, "ada").tell(Worker.run, "flood");
  await stage.settle();
  const full = lines.filter((line) => line === "dead bob run: mailbox-full").length;
  assert.ok(full > 0, "turns have a bound too");
  assert.equal(system.deadLetters.total, 1 + full);
  assert.equal(system.deadLetters.size, 1 + full);
});

onEach(kinds, "a failed ask is resent with a commit, which can be awaited", async (stage) => {
  let fails = true;
  const system = await stage.start([worker({
    once(ctx) {
      if (fails) throw new Error("boom");
      note(ctx, "again");
    },
  })]);
  await assert.rejects(ref(system, "ada").ask(Worker.call, "once"), { code: "failed" });
  fails = false;
  const [letter] = system.deadLetters.list();
  const sent = system.deadLetters.resend(letter.id);
  assert.ok(sent instanceof Promise);
  await sent;
  assert.deepEqual(system.deadLetters.list(), []);
  assert.deepEqual(await notesOf(system, "ada"), ["again"]);
});

onEach(kinds, "a dead letter that cannot be resent is kept, and the resend rejects", async (stage) => {
  const system = await stage.start([worker()]);
  await assert.rejects(ref(system, "ada").ask(Worker.call, "boom"), { code: "failed" });
  const [letter] = system.deadLetters.list();
  await system.stop();
  await assert.rejects(async () => await system.deadLetters.resend(letter.id), { name: "StoppedError" });
  assert.deepEqual(system.deadLetters.list().map(({ id }) => id), [letter.id]);
});

/** A message whose error exceeds the size of a dead letter; what is kept of it, and what `failTo` gets. */
async function requireWordsCut(system: System, settle: () => Promise<void>): Promise<void> {
  const bob = ref(system, "bob").at(Worker.note);
  await ref(system, "ada").submit(Worker.job, "shout", { failTo: bob as never });
  await settle();
  const [{ message, reason }] = system.deadLetters.list();
  assert.deepEqual([reason, message.length, message.at(-1)], ["loud", 4_000, "…"]);
  const [failure] = await notesOf(system, "bob") as { readonly message: string }[];
  assert.deepEqual([failure.message.length, failure.message.slice(0, 3)], [4_000, "😀x"]);
}

const loud = {
  shout: () => {
    throw new TerminalError(`😀${"x".repeat(100_000)}`, { code: "loud" });
  },
};

onEach(kinds, "the message of a dead letter is cut to 4,000 units", async (stage) => {
  await requireWordsCut(await stage.start([worker(loud)]), () => stage.settle());
});

Deno.test("in memory the message of a dead letter is cut to 4,000 units as well", async () => {
  const clock = new VirtualClock();
  await using system = new System({ actors: [worker(loud)], clock, log: false });
  await requireWordsCut(system, () => clock.settle());
});
