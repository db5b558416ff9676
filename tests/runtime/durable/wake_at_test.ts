// A process that may be stopped whenever it has no timer, and is started again at the time that it asked for.

import assert from "node:assert/strict";
import { RetryableError, type System } from "@posthorn/posthorn";
import { durableObject } from "@posthorn/posthorn/durable-object";
import { FakeObject } from "../../adapters/stores/durable_object/fake_object.ts";
import {
  collect,
  inMemory,
  note,
  notesOf,
  ref,
  type Scripts,
  Stage,
  watch,
  Worker,
  worker,
} from "./durable_stage.ts";

const hourMs = 3_600_000;
/** How long after a commit the process is started again if it has ended. */
const leftBehindMs = 30_000;
/** The time within which it comes to rest. */
const restMs = 5_000;

const scripts: Scripts = {
  later: (ctx, ms) => ctx.schedule("later", { afterMs: Number(ms) }, ctx.self.at(Worker.note), "later"),
  cancel: (ctx) => ctx.cancel("later"),
  hang: () => new Promise(() => {}),
};

/** A Durable Object. Its processes end when they are killed, and start when its alarm rings. */
class ObjectStage extends Stage {
  readonly object: FakeObject;
  readonly begunMs: number;

  constructor(object = new FakeObject()) {
    super(durableObject(object.storage), () => Promise.resolve(object[Symbol.dispose]()));
    this.object = object;
    this.begunMs = this.clock.now();
  }

  /** When its alarm rings, in milliseconds since the beginning. */
  get alarmMs(): number | undefined {
    return this.object.alarmMs === null ? undefined : this.object.alarmMs - this.begunMs;
  }

  /** Time passes until the alarm rings: then the running process, or a new one, looks. */
  async ring(running?: System, actors = [worker(scripts)]): Promise<System> {
    const { alarmMs } = this.object;
    assert.ok(alarmMs !== null, "no alarm is set");
    await this.pass(alarmMs - this.clock.now(), 60_000);
    this.object.alarmMs = null;
    const system = running ?? await this.start(actors);
    const swept = system.sweep();
    await this.pass(restMs);
    await swept;
    return system;
  }

  /** All alarms until then ring, and each starts a process that is killed when it rests, except the last. */
  async ringUntil(untilMs: number, actors = [worker(scripts)]): Promise<System> {
    for (let system = await this.ring(undefined, actors);; system = await this.ring(undefined, actors)) {
      if (this.alarmMs === undefined || this.alarmMs > untilMs) return system;
      assert.equal(this.clock.waiting, 0, "so it may sleep");
      await this.kill(system);
    }
  }
}

function test(name: string, run: (stage: ObjectStage) => Promise<void>): void {
  Deno.test(name, async () => {
    await using stage = new ObjectStage();
    await run(stage);
  });
}

test("what is due later has no timer: the alarm starts a process that was stopped, and it is sent", async (stage) => {
  const system = await stage.start([worker(scripts)]);
  await ref(system, "ada").tell(Worker.run, `later ${hourMs}`);
  await stage.pass(restMs);
  assert.equal(stage.clock.waiting, 0, "so it may sleep");
  await stage.kill(system);
  const next = await stage.ringUntil(hourMs);
  assert.equal(stage.clock.now(), stage.begunMs + hourMs + restMs);
  assert.deepEqual(await notesOf(next, "ada"), ["later"]);
});

test("what is due later is sent by the same process too, if that was not stopped", async (stage) => {
  const system = await stage.start([worker(scripts)]);
  await ref(system, "ada").tell(Worker.run, `later ${hourMs}`);
  await ref(system, "bob").tell(Worker.note, "delayed", { afterMs: hourMs });
  await stage.pass(restMs);
  await stage.ring(system); // in vain: it was set before the first turn
  assert.equal(stage.alarmMs, hourMs);
  await stage.ring(system);
  assert.deepEqual(await notesOf(system, "ada"), ["later"]);
  assert.deepEqual(await notesOf(system, "bob"), ["delayed"]);
});

test("ten seconds after all five modes, no timer keeps the process awake", async (stage) => {
  const system = await stage.start([worker({ echo: (_, text) => text, quote: (_, text) => text })]);
  system.subscribe(Worker.happened, ref(system, "bob").at(Worker.note));
  system.subscribe(Worker.happened, () => {});
  system.subscribe(Worker.quote, ref(system, "bob").at(Worker.quote));
  await stage.pass(restMs);
  const ada = ref(system, "ada");
  await ada.tell(Worker.note, "one", { id: "1" });
  assert.equal(await ada.ask(Worker.call, "echo hello", { timeoutMs: 60_000 }), "hello");
  const ticket = await ada.submit(Worker.job, "echo done");
  assert.equal(await ticket.reply({ timeoutMs: 60_000 }), "done");
  await system.publish(Worker.happened, "it happened");
  assert.deepEqual(await collect(system.survey(Worker.quote, "quote ten", { timeoutMs: 60_000, max: 1 })), [
    "ten",
  ]);
  await stage.pass(10_000);
  assert.equal(stage.clock.waiting, 0);
});

test("a message is left behind for half a minute, if its process ends before it is handled", async (stage) => {
  const system = await stage.start([worker(scripts)]);
  await ref(system, "ada").tell(Worker.run, "hang", { id: "1" });
  await stage.pass(1_000);
  assert.equal(stage.alarmMs, leftBehindMs);
  await stage.kill(system);
  const next = await stage.ring(undefined, [worker({ hang: (ctx) => note(ctx, "handled") })]);
  assert.deepEqual(await notesOf(next, "ada"), ["handled"]);
});

test("an alarm that rings a moment early is set again, if something still waits", async (stage) => {
  const system = await stage.start([worker(scripts)]);
  await ref(system, "ada").tell(Worker.run, "hang", { id: "1" });
  await stage.pass(leftBehindMs - 1, 1_000);
  stage.object.alarmMs = null; // a millisecond before its time, by the clock of the process
  await system.sweep();
  assert.equal(stage.alarmMs, 2 * leftBehindMs - 1);
});

test("the alarm is set before the commit that needs it", async (stage) => {
  const system = await stage.start([worker(scripts)]);
  await stage.pass(restMs);
  stage.object.alarmMs = null; // that of its start has rung
  const unset: string[] = [];
  stage.storeOf(system).refuse = (parts) => {
    const keys = parts.flatMap(({ writes }) => writes.map(({ key }) => key.split("\u001f")[0]));
    const needs = keys.filter((word) => ["mail", "schedule"].includes(word));
    if (stage.object.alarmMs === null) unset.push(...needs);
    return undefined;
  };
  await stage.pass(leftBehindMs);
  await ref(system, "ada").tell(Worker.run, `later ${hourMs}`, { id: "1" });
  await ref(system, "ada").tell(Worker.note, "delayed", { afterMs: 2 * hourMs });
  assert.deepEqual(unset, []);
});

for (const order of ["hold", "aside"] as const) {
  test(`a retry that is due later has no timer, and the alarm rings for it (${order})`, async (stage) => {
    let failures = 1;
    const fails: Scripts = {
      fail(ctx) {
        if (failures-- > 0) throw new RetryableError("not now", { afterMs: hourMs });
        note(ctx, "at last");
      },
    };
    const actors = [worker(fails, { retry: { attempts: 3, baseMs: 100, maxMs: 2 * hourMs, order } })];
    const system = await stage.start(actors);
    await ref(system, "ada").tell(Worker.run, "fail", { id: "1" });
    await stage.pass(restMs);
    assert.equal(stage.clock.waiting, 0, "so it may sleep");
    await stage.ring(system); // in vain: it was set before the first attempt
    assert.equal(stage.alarmMs, hourMs);
    await stage.kill(system);
    const next = await stage.ringUntil(hourMs, actors);
    await stage.ring(next, actors); // the attempt may begin once more after a start
    assert.deepEqual(await notesOf(next, "ada"), ["at last"]);
  });
}

test("a schedule beyond what a platform takes is looked at now and then, and refuses nothing", async (stage) => {
  const centuryMs = 100 * 365.25 * 24 * hourMs;
  const system = await stage.start([worker(scripts)]);
  await ref(system, "ada").tell(Worker.run, `later ${10 * centuryMs}`);
  await stage.pass(restMs);
  await stage.ring(system); // that of the message
  assert.ok(stage.alarmMs! < centuryMs);
  await stage.ring(system);
  const set = stage.alarmMs;
  assert.ok(set !== undefined && set > stage.clock.now() - stage.begunMs + 24 * hourMs, `it is ${set}`);
});

test("an alarm that was set for something else is set again, although the process has run when it rang", async (stage) => {
  const system = await stage.start([worker(scripts)]);
  await ref(system, "ada").tell(Worker.note, "one", { id: "1" });
  await stage.pass(20_500); // it was handled, and its alarm is left
  assert.equal(stage.alarmMs, leftBehindMs);
  await ref(system, "bob").tell(Worker.run, "hang", { id: "2" });
  await stage.ring(system);
  assert.equal(stage.alarmMs, 20_500 + leftBehindMs, "for what may be left behind");
});

test("an alarm that a living process has heard is set for the next schedule", async (stage) => {
  const system = await stage.start([worker({ ...scripts, plan: scripts.later })]);
  await ref(system, "ada").tell(Worker.note, "one", { id: "1" });
  await stage.pass(20_500);
  await ref(system, "ada").ask(Worker.call, `plan ${hourMs}`, { timeoutMs: 60_000 });
  await stage.ring(system);
  assert.equal(stage.alarmMs, 20_500 + hourMs);
});

test("a schedule that was cancelled costs a few looks, and then no alarm is set", async (stage) => {
  const system = await stage.start([worker(scripts)]);
  await ref(system, "ada").tell(Worker.run, `later ${hourMs}`);
  await ref(system, "ada").tell(Worker.run, "cancel");
  await stage.pass(restMs);
  for (let looks = 0; looks < 3 && stage.alarmMs !== undefined; looks++) await stage.ring(system);
  assert.equal(stage.alarmMs, undefined);
  assert.equal(stage.clock.waiting, 0);
});

test("the alarm is set once for all that is sent within half a minute", async (stage) => {
  const system = await stage.start([worker(scripts)]);
  const set = stage.object.alarmsSet;
  for (let n = 0; n < 20; n++) {
    await ref(system, `k${n}`).tell(Worker.note, "one", { id: `${n}` });
    await stage.pass(1_000);
  }
  assert.ok(stage.object.alarmsSet - set <= 1, `it was set ${stage.object.alarmsSet - set} times`);
});

test("idle actors leave memory with the next work, and nothing waits for them", async (stage) => {
  const system = await stage.start([worker(scripts, { idleMs: 10_000 })]);
  const passivated = watch(system, "passivated");
  await ref(system, "ada").tell(Worker.note, "one");
  await stage.pass(60_000);
  assert.deepEqual([passivated.length, stage.clock.waiting], [0, 0]);
  await ref(system, "bob").tell(Worker.note, "one");
  await stage.pass(restMs);
  assert.deepEqual(passivated, ["passivated ada"]);
});

inMemory("onWakeAt is told when the process must run again, and when nothing waits", async (stage) => {
  const began = stage.clock.now();
  const told: (number | undefined)[] = [];
  const onWakeAt = (atMs: number | undefined) => void told.push(atMs && atMs - began);
  const system = await stage.start([worker(scripts)], { onWakeAt });
  await stage.pass(restMs);
  assert.deepEqual(told, []);
  await ref(system, "ada").tell(Worker.run, `later ${hourMs}`, { id: "1" });
  assert.deepEqual(told, [restMs + leftBehindMs], "before it is handled");
  await stage.pass(leftBehindMs + restMs);
  assert.deepEqual(told, [restMs + leftBehindMs, restMs + hourMs]);
  await stage.pass(hourMs, 60_000);
  assert.deepEqual(await notesOf(system, "ada"), ["later"]);
  assert.equal(told.at(-1), undefined, "nothing waits");
  assert.ok(told.length <= 5, `it was called ${told.length} times`);
});

inMemory("an onWakeAt that throws is reported, and stops nothing", async (stage) => {
  const onWakeAt = () => {
    throw new Error("no scheduler");
  };
  const system = await stage.start([worker(scripts)], { onWakeAt });
  const failed = watch(system, "callback-failed");
  await ref(system, "ada").tell(Worker.note, "one", { id: "1" });
  assert.deepEqual(await notesOf(system, "ada"), ["one"]);
  assert.equal(failed[0], "callback-failed onWakeAt");
});
