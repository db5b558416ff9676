import assert from "node:assert/strict";
import { Watch } from "../../../../adapters/console/measures/watch.ts";
import type { ConsoleSystem } from "@posthorn/posthorn/console";
import { VirtualClock } from "@posthorn/posthorn/testing";
import { fakeSystem } from "../fake_system.ts";

type Event = Parameters<Parameters<ConsoleSystem["inspect"]>[0]>[0];

/** A watch, and what its system tells it. */
function stage() {
  const clock = new VirtualClock();
  const given = { accepted: 0, done: 0, waiting: 0 };
  let listener: ((event: Event) => void) | undefined;
  const base = fakeSystem();
  const system = fakeSystem({
    clock,
    stats: () => ({ ...base.stats(), ...given }),
    inspect(inspector) {
      listener = inspector;
      return { [Symbol.dispose]: () => listener = undefined };
    },
  });
  const watch = new Watch(system);
  const tell = (type: string, more: object = {}, message: object = {}) =>
    listener?.({
      type,
      message: {
        protocol: "order",
        key: "ada",
        operation: "add",
        id: "1",
        correlationId: "1",
        attempts: 1,
        stands: 1,
        ...message,
      },
      ...more,
    } as Event);
  return { clock, given, watch, tell, listens: () => listener !== undefined };
}

Deno.test("each second of the series is what the counters have gone on by, and the times of that second", async () => {
  const { clock, given, watch, tell } = stage();
  watch.look();
  given.accepted = 10;
  given.done = 7;
  given.waiting = 3;
  for (let waitedMs = 1; waitedMs <= 100; waitedMs++) tell("started", { waitedMs });
  tell("done", { tookMs: 5 });
  tell("failed", { error: new Error("no"), tookMs: 5 });
  await clock.advance(1_000);
  await clock.advance(1_000);
  const [first, second] = watch.series.seconds;
  assert.deepEqual([first.accepted, first.done, first.failed, first.waiting], [10, 7, 1, 3]);
  assert.ok(first.waitP50Ms! > 35 && first.waitP50Ms! < 70, String(first.waitP50Ms));
  assert.ok(first.waitP99Ms! > 80 && first.waitP99Ms! < 150, String(first.waitP99Ms));
  assert.ok(first.turnP50Ms! > 3 && first.turnP50Ms! < 8);
  assert.deepEqual([second.accepted, second.failed, second.waitP50Ms, second.turnP99Ms], [
    0,
    0,
    undefined,
    undefined,
  ]);
});

Deno.test("a message of a sample counts as often as it stands for others", () => {
  const { watch, tell } = stage();
  watch.look();
  tell("started", { waitedMs: 1 }, { stands: 200 });
  tell("done", { tookMs: 1 }, { stands: 200 });
  tell("done", { tookMs: 1 });
  const [measured] = watch.operations.list();
  assert.deepEqual([measured.name, measured.done, measured.waits.count, measured.turns.count], [
    "order.add",
    201,
    200,
    201,
  ]);
});

Deno.test("the time in the mailbox is that of the first attempt, and the built-in actors are not measured", () => {
  const { watch, tell } = stage();
  watch.look();
  tell("started", { waitedMs: 60_000 }, { attempts: 2 });
  tell("started", { waitedMs: 1 }, { protocol: "~topic" });
  tell("failed", { error: new Error("no"), tookMs: 1 }, { protocol: "~topic" });
  const measured = watch.operations.list();
  assert.deepEqual(measured.map(({ name, waits }) => [name, waits.count]), [["order.add", 0]]);
});

Deno.test("of a second after one with many messages only a part is listened to", async () => {
  const { clock, given, watch, tell, listens } = stage();
  watch.look();
  given.accepted = 100_000;
  await clock.advance(1_000);
  assert.ok(listens());
  tell("failed", { error: new Error("no") });
  await clock.advance(200);
  assert.ok(!listens());
  given.accepted = 100_010;
  await clock.advance(800);
  assert.equal(watch.series.seconds[1].failed, 5, "it stands for the part that was not listened to");
  assert.ok(listens());
  await clock.advance(900);
  assert.ok(listens(), "now there are few");
});

Deno.test("no more operations are measured than are shown, and it says so", () => {
  const { watch, tell } = stage();
  watch.look();
  for (let operation = 0; operation < 600; operation++) tell("done", {}, { operation: `op${operation}` });
  assert.equal(watch.operations.list().length, 500);
  assert.equal(watch.operations.isFull, true);
});

Deno.test("the series is five minutes long, and all is forgotten when it ends", async () => {
  const { clock, watch, tell } = stage();
  for (let second = 0; second < 400; second++) {
    watch.look();
    await clock.advance(1_000);
  }
  tell("done");
  assert.equal(watch.series.seconds.length, 300);
  await clock.advance(70_000);
  assert.equal(watch.sinceMs, undefined);
  assert.equal(watch.series.seconds.length, 0);
  assert.deepEqual(watch.operations.list(), []);
  assert.deepEqual(watch.happenings.latest(10), []);
});

Deno.test("the times of its last second are not those of the first one of the next time", async () => {
  const { clock, watch, tell, listens } = stage();
  watch.look();
  await clock.advance(59_500);
  tell("started", { waitedMs: 5_000 });
  tell("done", { tookMs: 5_000 });
  await clock.advance(1_000);
  assert.ok(!listens());
  await clock.advance(3_600_000);
  watch.look();
  await clock.advance(1_000);
  const [first] = watch.series.seconds;
  assert.deepEqual([first.waitP50Ms, first.turnP99Ms], [undefined, undefined]);
});

Deno.test("an error without words does not stop the watch", () => {
  const { watch, tell } = stage();
  watch.look();
  tell("failed", { error: Object.create(null) });
  tell("failed", { error: new Error("x".repeat(10_000)) });
  assert.equal(watch.operations.list()[0].lastError!.length, 300);
});
