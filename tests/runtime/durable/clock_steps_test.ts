// The clock of a machine is set back or forward, or differs from the others: no work stalls, and no row is
// deleted early.

import assert from "node:assert/strict";
import { type Actor, RetryableError } from "@posthorn/posthorn";
import {
  inMemory,
  kinds,
  note,
  notesOf,
  onEach,
  ref,
  sharedKinds,
  Worker,
  worker,
  type WorkerContext,
} from "./durable_stage.ts";

const hour = 3_600_000;
const scripts = {
  once: (ctx: WorkerContext, afterMs: string) =>
    ctx.schedule("once", { afterMs: Number(afterMs) }, ctx.self.at(Worker.note), "once"),
  every: (ctx: WorkerContext, everyMs: string) =>
    ctx.schedule("every", { everyMs: Number(everyMs) }, ctx.self.at(Worker.note), "tick"),
  cancel(ctx: WorkerContext) {
    ctx.cancel("once");
    ctx.cancel("every");
  },
  flaky(ctx: WorkerContext) {
    if (ctx.attempt < 3) throw new RetryableError("not yet", { afterMs: 3_000 });
    note(ctx, "at last");
  },
};
const holding = [worker(scripts)];
const stepping: readonly Actor[] = [worker(scripts, { retry: { order: "aside" } })];

for (const byMs of [-hour, hour]) {
  const direction = byMs < 0 ? "back" : "forward";

  onEach(
    kinds,
    `set ${direction} by an hour: schedules do not stand still, nor come in a burst`,
    async (stage) => {
      const system = await stage.start(holding);
      await ref(system, "ada").tell(Worker.run, "every 1000");
      await ref(system, "bob").tell(Worker.run, "once 6000");
      for (let count = 0; count < 150; count++) {
        await ref(system, `far${count}`).tell(Worker.run, "once 90000");
      }
      await stage.pass(2_500, 100);
      stage.step(system, byMs);
      await stage.pass(10_000, 100);
      const ticks = (await notesOf(system, "ada") as string[]).length;
      assert(ticks >= 11 && ticks <= 14, `${ticks} ticks`);
      assert.deepEqual(await notesOf(system, "bob"), ["once"]);
      await stage.pass(90_000, 1_000);
      for (const key of ["far0", "far149"]) {
        assert.deepEqual(await notesOf(system, key), ["once"], key);
      }
    },
  );

  for (const [order, actors] of [["hold", holding], ["aside", stepping]] as const) {
    onEach(
      kinds,
      `set ${direction} by an hour: a retry that is to ${order} waits no longer`,
      async (stage) => {
        const system = await stage.start(actors);
        await ref(system, "ada").tell(Worker.run, "flaky");
        await stage.pass(1_000, 100);
        stage.step(system, byMs);
        await stage.pass(8_000, 100);
        assert.deepEqual(await notesOf(system, "ada"), ["at last"]);
      },
    );
  }
}

inMemory(
  "what was set before the clock was set back can be cancelled, and is not moved twice",
  async (stage) => {
    const system = await stage.start(holding);
    await ref(system, "ada").tell(Worker.run, "once 60000");
    await ref(system, "bob").tell(Worker.run, "every 20000");
    await ref(system, "cleo").tell(Worker.run, "once 60000");
    for (let steps = 0; steps < 3; steps++) {
      await stage.pass(5_000);
      stage.step(system, -hour);
    }
    await stage.pass(5_000);
    for (const key of ["ada", "bob"]) await ref(system, key).tell(Worker.run, "cancel");
    await stage.pass(39_000);
    assert.deepEqual(await notesOf(system, "cleo"), []);
    await stage.pass(3_000);
    assert.deepEqual(await notesOf(system, "cleo"), ["once"]);
    assert.deepEqual(
      [await notesOf(system, "ada"), await notesOf(system, "bob")],
      [[], ["tick"]],
    );
    assert.deepEqual(await stage.keys("timer", "schedule"), []);
  },
);

onEach(
  sharedKinds,
  "an instance whose clock is an hour ahead lets nothing go that the others keep",
  async (stage) => {
    const options = { deduplicationWindowMs: hour / 2, replyRetentionMs: hour / 2 };
    const right = await stage.start(holding, options);
    const ahead = await stage.start(holding, { ...options, aheadMs: hour });
    const behind = await stage.start(holding, { ...options, aheadMs: -hour });
    await stage.pass(10_000);
    for (const by of [right, ahead, behind]) {
      for (const other of [right, ahead, behind]) {
        const id = `job-${by.newId()}`;
        const ticket = await ref(by, "ada").submit(Worker.job, "notes", { id });
        await stage.settle();
        await ref(other, "bob").tell(Worker.note, "this commit lets go of what is over");
        await stage.pass(120_000, 5_000);
        assert.deepEqual(
          await other.ticket(ticket.id).reply({ timeoutMs: 0 }),
          [],
          "a reply of two minutes ago",
        );
        const again = await ref(other, "ada").submit(Worker.job, "notes", { id });
        assert.equal(again.id, ticket.id, "the name of two minutes ago is known");
        await assert.rejects(ref(other, "ada").submit(Worker.job, "other", { id }), { code: "id-reused" });
      }
    }
  },
);

onEach(
  sharedKinds,
  "an instance that has just started with a clock two hours ahead lets nothing go",
  async (stage) => {
    const options = { deduplicationWindowMs: hour / 2, replyRetentionMs: hour / 2 };
    const right = await stage.start(holding, options);
    const ticket = await ref(right, "ada").submit(Worker.job, "notes", { id: "1" });
    await stage.settle();
    const ahead = await stage.start(holding, { ...options, aheadMs: 2 * hour });
    for (let count = 0; count < 5; count++) {
      assert.deepEqual(await ahead.ticket(ticket.id).reply({ timeoutMs: 0 }), []);
      assert.equal((await ref(ahead, "ada").submit(Worker.job, "notes", { id: "1" })).id, ticket.id);
      await ref(ahead, "bob").tell(Worker.note, "this commit lets go of what is over");
      await stage.pass(5_000);
    }
    assert.deepEqual(await ticket.reply({ timeoutMs: 0 }), []);
  },
);

onEach(
  sharedKinds,
  "what an instance promised to keep stays for its time when it is gone, and goes after it",
  async (stage) => {
    const options = { deduplicationWindowMs: hour / 2, replyRetentionMs: hour / 2 };
    const ahead = await stage.start(holding, { ...options, aheadMs: 2 * hour });
    const right = await stage.start(holding, options);
    await stage.pass(10_000);
    const ticket = await ref(right, "ada").submit(Worker.job, "notes", { id: "1" });
    await stage.settle();
    await stage.kill(right);
    await stage.pass(hour / 3, 10_000);
    assert.deepEqual(await ahead.ticket(ticket.id).reply({ timeoutMs: 0 }), []);
    await assert.rejects(ref(ahead, "ada").submit(Worker.job, "other", { id: "1" }), { code: "id-reused" });
    await stage.pass(2 * hour, 10_000);
    assert.notEqual((await ref(ahead, "ada").submit(Worker.job, "notes", { id: "1" })).id, ticket.id);
  },
);

onEach(kinds, "schedules of an ended process fire too after the clock was set back", async (stage) => {
  const first = await stage.start(holding);
  await ref(first, "ada").tell(Worker.run, "once 20000");
  await ref(first, "bob").tell(Worker.run, "every 20000");
  await stage.settle();
  await stage.kill(first);
  const second = await stage.start(holding);
  await stage.pass(10_000);
  stage.step(second, -hour);
  await stage.pass(25_000);
  assert.deepEqual([await notesOf(second, "ada"), await notesOf(second, "bob")], [["once"], ["tick"]]);
});

onEach(
  kinds,
  "set forward and right again: what was set before and between comes at its time",
  async (stage) => {
    const system = await stage.start(holding);
    const later = (key: string, afterMs: number) => ref(system, key).tell(Worker.note, "later", { afterMs });
    await ref(system, "before").tell(Worker.run, "once 20000");
    await later("before", 20_000);
    stage.step(system, 10_000);
    await stage.pass(2_000, 100);
    await ref(system, "between").tell(Worker.run, "once 18000");
    await later("between", 18_000);
    stage.step(system, -10_000);
    await stage.pass(17_000, 100);
    assert.deepEqual([await notesOf(system, "before"), await notesOf(system, "between")], [[], []]);
    await stage.pass(4_000, 100);
    for (const key of ["before", "between"]) {
      assert.deepEqual((await notesOf(system, key) as string[]).toSorted(), ["later", "once"], key);
    }
  },
);
