// What events tell about time, in memory and with every store, and what a listener of a sample hears.

import assert from "node:assert/strict";
import { type Clock, type Inspection, type InspectOptions, System } from "@posthorn/posthorn";
import { memoryStore } from "@posthorn/posthorn/memory";
import { VirtualClock } from "@posthorn/posthorn/testing";
import { fail, note, Stage, stage, Worker, worker } from "../memory_stage.ts";

/** The times that events tell, one line each. */
function timesOf(events: readonly Inspection[]): string[] {
  return events.flatMap((event) => {
    if (!("message" in event)) return [];
    const { type, message: { acceptedMs } } = event;
    const accepted = acceptedMs === undefined ? "" : ` accepted ${acceptedMs % 1_000_000}`;
    const waited = "waitedMs" in event ? ` waited ${event.waitedMs}` : "";
    const took = "tookMs" in event ? ` took ${event.tookMs}` : "";
    return [`${type}${accepted}${waited}${took}`];
  });
}

function hear(system: System, options?: InspectOptions): Inspection[] {
  const events: Inspection[] = [];
  system.inspect((event) => events.push(event), options);
  return events;
}

Deno.test("events tell when a message was accepted, how long it waited, and how long its handler took", async () => {
  await using it = new Stage({ actors: [worker()], clock: new VirtualClock({ nowMs: 5_000_000 }) });
  const events = hear(it.system);
  const gate = Promise.withResolvers<void>();
  void it.ref("ada").tell(Worker.run, () => gate.promise);
  await it.clock.advance(100);
  void it.ref("ada").tell(Worker.note, "behind");
  await it.clock.advance(20);
  gate.resolve();
  await it.clock.settle();
  assert.deepEqual(timesOf(events), [
    "accepted accepted 0",
    "started accepted 0 waited 0",
    "accepted accepted 100",
    "done accepted 0 took 120",
    "started accepted 100 waited 20",
    "done accepted 100 took 0",
  ]);
});

Deno.test("events tell the times of an attempt that fails, and of each that follows", async () => {
  const retry = { attempts: 2, baseMs: 100, maxMs: 100 };
  await using it = new Stage({ actors: [worker({ retry })], clock: new VirtualClock({ nowMs: 5_000_000 }) });
  const events = hear(it.system);
  void it.ref("ada").tell(Worker.run, async (ctx) => {
    await new Promise<void>((resolve) => it.clock.setTimer(10, resolve));
    if (ctx.attempt === 1) fail();
  });
  await it.clock.advance(1_000);
  const retrying = events.find(({ type }) => type === "retrying");
  assert(retrying?.type === "retrying");
  const { afterMs } = retrying;
  assert.deepEqual(timesOf(events), [
    "accepted accepted 0",
    "started accepted 0 waited 0",
    "failed accepted 0 took 10",
    "retrying accepted 0 took 10",
    `started accepted 0 waited ${Math.ceil(10 + afterMs)}`,
    "done accepted 0 took 10",
  ]);
});

Deno.test("a request that is taken back while it runs tells how long it ran", async () => {
  await using it = stage(worker());
  const events = hear(it.system);
  const ticket = await it.ref("ada").submit(Worker.job, () => new Promise(() => {}));
  await it.clock.advance(70);
  assert.equal(await ticket.cancel(), "cancelled");
  const cancelled = events.find(({ type }) => type === "cancelled");
  assert(cancelled?.type === "cancelled" && cancelled.tookMs === 70);
});

Deno.test("a listener that comes late hears of messages without the times that nobody has read", async () => {
  await using it = stage(worker());
  const gate = Promise.withResolvers<void>();
  void it.ref("ada").tell(Worker.run, () => gate.promise);
  void it.ref("ada").tell(Worker.note, "behind");
  await it.clock.settle();
  const events = hear(it.system);
  gate.resolve();
  await it.clock.settle();
  assert.deepEqual(timesOf(events), ["done took undefined", "started waited undefined", "done took 0"]);
});

for (const store of [undefined, memoryStore]) {
  const where = store === undefined ? "in memory" : "with a store";

  Deno.test(`without a listener the clock is not read for messages, ${where}`, async () => {
    const reads = async (many: number, listens: boolean): Promise<number> => {
      const clock = new VirtualClock();
      let count = 0;
      const counting: Clock = {
        now: () => clock.now(),
        monotonicMs: () => (count++, clock.monotonicMs()),
        setTimer: (delayMs, callback) => clock.setTimer(delayMs, callback),
        macrotask: (callback) => clock.macrotask(callback),
        yield: (callback) => clock.yield(callback),
      };
      await using system = new System({ actors: [worker()], clock: counting, log: false, store: store?.() });
      if (listens) system.inspect(() => {});
      await system.ready();
      await clock.settle();
      count = 0;
      for (let n = 0; n < many; n++) void system.ref(Worker, "ada").ask(Worker.call, () => 1);
      await clock.settle();
      const read = count;
      const stopped = system.stop({ drainMs: 0 });
      await clock.advance(20_000);
      await stopped;
      return read;
    };
    const [few, many] = [await reads(100, false), await reads(200, false)];
    assert(many - few < 50, `${few} and ${many} reads`);
    assert(await reads(200, true) - many >= 200);
  });

  Deno.test(`a listener of a sample hears one message in a millisecond, and for how many it stands, ${where}`, async () => {
    const clock = new VirtualClock();
    await using system = new System({ actors: [worker()], clock, log: false, store: store?.(), drainMs: 0 });
    await system.ready();
    const burst = async (many: number) => {
      const calls = Array.from({ length: many }, () => system.ref(Worker, "ada").ask(Worker.call, () => 1));
      await clock.settle();
      await Promise.all(calls);
    };
    await burst(50); // nobody listens yet
    const sampled = hear(system, { sampled: true });
    await burst(1);
    await clock.advance(10);
    await burst(500);
    await clock.advance(10);
    await burst(1);
    const stands = (type: string) =>
      sampled.flatMap((event) => event.type === type && "message" in event ? [event.message.stands] : []);
    const accepted = stands("accepted");
    assert(accepted.length >= 2 && accepted.length < 20, `${accepted.length} of 502 messages`);
    assert(accepted.some((many) => many > 100), `${accepted}`);
    assert.equal(accepted.reduce((sum, many) => sum + many, 0), 502);
    assert.deepEqual(stands("started"), accepted);
    assert.deepEqual(stands("done"), accepted);
    const stopped = system.stop();
    await clock.advance(20_000);
    await stopped;
  });
}

for (const store of [undefined, memoryStore]) {
  const where = store === undefined ? "in memory" : "with a store";

  Deno.test(`listeners share a sample of as many messages a second as one of them wants, ${where}`, async () => {
    const clock = new VirtualClock();
    await using system = new System({ actors: [worker()], clock, log: false, store: store?.(), drainMs: 0 });
    await system.ready();
    const second = async () => {
      const before = few.length;
      for (let n = 0; n < 1_000; n++) {
        void system.ref(Worker, "ada").ask(Worker.call, () => 1);
        await clock.advance(1);
      }
      return few.slice(before).filter(({ type }) => type === "accepted").length;
    };
    const few = hear(system, { sampled: 10 });
    const alone = await second();
    assert(alone >= 9 && alone <= 11, `${alone} of 1000`);
    const many = system.inspect(() => {}, { sampled: true });
    assert(await second() > 900);
    many[Symbol.dispose]();
    const again = await second();
    assert(again >= 9 && again <= 11, `${again} of 1000`);
    const stopped = system.stop();
    await clock.advance(20_000);
    await stopped;
  });
}

Deno.test("a sample of less than one message a second, or of more than a thousand, is refused", async () => {
  await using system = new System({ actors: [worker()], log: false });
  for (const sampled of [0, -1, 1_001, NaN, Infinity, "100", 10n, [5], null]) {
    const value = typeof sampled === "number" ? sampled : `of type ${typeof sampled}`;
    const refused = new RegExp(`Cannot use sampled: it must be true, or from 1 to 1000, and is ${value}`);
    assert.throws(() => system.inspect(() => {}, { sampled: sampled as never }), refused);
  }
});

Deno.test("a listener of a sample hears every failure and every dead letter", async () => {
  await using it = stage(worker({ retry: { attempts: 2 } }));
  const events = hear(it.system, { sampled: true });
  const all = hear(it.system);
  for (let n = 0; n < 50; n++) void it.ref(`${n}`).tell(Worker.run, fail);
  await it.clock.advance(60_000);
  const count = (of: readonly Inspection[], type: string) => of.filter((event) => event.type === type).length;
  for (const type of ["failed", "retrying", "dead", "activated"]) {
    assert.equal(count(events, type), count(all, type));
  }
  assert.equal(count(events, "failed"), 100);
  assert(count(events, "accepted") < 50);
  assert.equal(count(all, "accepted"), 50);
});

Deno.test("beside a listener of a sample, messages that are not of it take the short way", async () => {
  await using it = stage(worker());
  const events = hear(it.system, { sampled: true });
  void it.ref("ada").tell(Worker.run, (ctx) => {
    for (let n = 0; n < 100; n++) ctx.ref(Worker, "bob").tell(Worker.note, `${n}`);
    note(ctx, "sent");
  });
  await it.clock.settle();
  const heard = events.filter((event) => event.type === "done");
  assert(heard.length >= 1 && heard.length < 10, `${heard.length} of 101`);
  assert.equal(it.system.stats().done, 101);
});
