// A message that fails is retried with backoff, counted in the store.

import assert from "node:assert/strict";
import { RetryableError } from "@posthorn/posthorn";
import {
  deadOf,
  inMemory,
  kinds,
  missedMs,
  note,
  notesOf,
  onEach,
  ref,
  Worker,
  worker,
  type WorkerContext,
} from "./durable_stage.ts";

/** Fails until this attempt, and records each. */
function flaky(attempts: string[], until: number) {
  return (ctx: WorkerContext, name: string) => {
    attempts.push(`${name}${ctx.attempt}`);
    if (ctx.attempt < until) throw new RetryableError("not yet", { afterMs: 60_000 });
    note(ctx, name);
  };
}

onEach(kinds, "hold: the mailbox waits for it, and count and time survive a restart", async (stage) => {
  const attempts: string[] = [];
  const actors = [worker({ flaky: flaky(attempts, 3) })];
  const first = await stage.start(actors);
  await ref(first, "ada").tell(Worker.run, "flaky a");
  await ref(first, "ada").tell(Worker.note, "behind");
  await stage.settle();
  assert.deepEqual(attempts, ["a1"]);
  await stage.kill(first);

  const second = await stage.start(actors);
  await stage.pass(59_000);
  assert.deepEqual(attempts, ["a1"], "it waits for its time");
  await stage.pass(1_000);
  assert.deepEqual(attempts, ["a1", "a2"]);
  await second.stop();
  const third = await stage.start(actors);
  await stage.pass(62_000);
  assert.deepEqual(attempts, ["a1", "a2", "a3"]);
  assert.deepEqual(await notesOf(third, "ada"), ["a", "behind"]);
});

onEach(kinds, "aside: the others go on, and count and time survive a restart", async (stage) => {
  const attempts: string[] = [];
  const actors = [worker({ flaky: flaky(attempts, 3) }, { retry: { order: "aside" } })];
  const first = await stage.start(actors);
  await ref(first, "ada").tell(Worker.run, "flaky a");
  await ref(first, "ada").tell(Worker.note, "behind");
  assert.deepEqual(await notesOf(first, "ada"), ["behind"]);
  await stage.kill(first);

  const second = await stage.start(actors);
  await stage.pass(59_000);
  assert.deepEqual(attempts, ["a1"], "it waits for its time");
  await stage.pass(1_000);
  assert.deepEqual(attempts, ["a1", "a2"]);
  await second.stop();
  const third = await stage.start(actors);
  await stage.pass(62_000);
  assert.deepEqual(attempts, ["a1", "a2", "a3"]);
  assert.deepEqual(await notesOf(third, "ada"), ["behind", "a"]);
});

onEach(kinds, "after its last attempt, over restarts, it is a dead letter with the count", async (stage) => {
  const attempts: string[] = [];
  const actors = [worker({ flaky: flaky(attempts, 99) }, { retry: { attempts: 3 } })];
  let system = await stage.start(actors);
  await ref(system, "ada").tell(Worker.run, "flaky a");
  await stage.settle();
  for (let restart = 0; restart < 3; restart++) {
    await system.stop();
    system = await stage.start(actors);
    await stage.pass(70_000, 2_000);
  }
  assert.deepEqual(attempts, ["a1", "a2", "a3"]);
  assert.deepEqual(deadOf(system), ["ada run: failed"]);
  assert.equal(system.deadLetters.list()[0].attempts, 3);
});

inMemory("by default a failure is retried with a backoff that doubles", async (stage) => {
  const times: number[] = [];
  const system = await stage.start([worker({
    fail() {
      times.push(stage.clock.now());
      throw new Error("boom");
    },
  }, { retry: { attempts: 5, baseMs: 1_000 } })]);
  await ref(system, "ada").tell(Worker.run, "fail");
  await stage.pass(20_000, 50);
  const waits = times.slice(1).map((time, index) => time - times[index]);
  assert.equal(times.length, 5);
  for (const [index, wait] of waits.entries()) {
    const most = 1_000 * 2 ** index;
    assert.ok(wait >= most / 2 && wait <= most + 50, `${wait} of ${most}`);
  }
});

inMemory("an ask that fails is not retried", async (stage) => {
  let runs = 0;
  const system = await stage.start([worker({
    fail() {
      runs++;
      throw new Error("boom");
    },
  })]);
  await assert.rejects(ref(system, "ada").ask(Worker.call, "fail"), { code: "failed" });
  await stage.pass(60_000);
  assert.equal(runs, 1);
});

inMemory(
  "an actor that stops after a failure makes its waiting messages dead letters, and is activated anew by the next",
  async (stage) => {
    const gate = Promise.withResolvers<void>();
    const system = await stage.start([worker({
      async fail() {
        await gate.promise;
        throw new Error("boom");
      },
    }, { onFailure: "stop", retry: { attempts: 1 } })]);
    await ref(system, "ada").tell(Worker.note, "before");
    await ref(system, "ada").tell(Worker.run, "fail");
    await ref(system, "ada").tell(Worker.note, "behind");
    await stage.settle();
    gate.resolve();
    await stage.pass(3_000);
    assert.deepEqual(deadOf(system), ["ada run: failed", "ada note: stopped"]);
    assert.deepEqual(system.deadLetters.list().map(({ message }) => message), [
      "worker/ada run failed: boom",
      "worker/ada note: its actor stopped: boom", // as in memory
    ]);
    await ref(system, "ada").tell(Worker.note, "after");
    assert.deepEqual(await notesOf(system, "ada"), ["before", "after"]);
  },
);

inMemory(
  "the stop of an actor counts only with its commit: if another process committed first, its messages are handled",
  async (stage) => {
    const gate = Promise.withResolvers<void>();
    const first = await stage.start([worker({
      async fail() {
        await gate.promise;
        throw new Error("boom");
      },
    }, { onFailure: "stop", retry: { attempts: 1 } })]);
    const second = await stage.start([worker({ fail: (ctx) => note(ctx, "handled elsewhere") })]);
    await ref(first, "ada").tell(Worker.run, "fail");
    await stage.settle();
    assert.deepEqual(await notesOf(second, "ada"), ["handled elsewhere"]);
    await ref(first, "ada").tell(Worker.note, "behind");
    gate.resolve();
    await stage.pass(3_000);
    assert.deepEqual(await notesOf(first, "ada"), ["handled elsewhere", "behind"]);
    assert.deepEqual(deadOf(first), []);
  },
);

onEach(kinds, "a message that is not started before its deadline is a dead letter", async (stage) => {
  const gate = Promise.withResolvers<void>();
  const first = await stage.start([worker({ wait: () => gate.promise })]);
  await ref(first, "ada").tell(Worker.run, "wait");
  const { id } = await ref(first, "ada").submit(Worker.job, "notes");
  const late = { id: "late", timeoutMs: 1_000 };
  const asked = ref(first, "ada").ask(Worker.call, "notes", late).catch(() => {});
  await stage.settle();
  await stage.kill(first);
  await stage.pass(1_000);
  const second = await stage.start([worker({ wait: (ctx) => note(ctx, "waited") })]);
  await stage.pass(missedMs);
  assert.deepEqual(deadOf(second), ["ada call: deadline"]);
  assert.deepEqual(await second.ticket(id).reply({ timeoutMs: 0 }), ["waited"]);
  void asked;
});
