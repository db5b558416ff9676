import assert from "node:assert/strict";
import { type Address, LimitExceededError } from "@posthorn/posthorn";
import { VirtualClock } from "@posthorn/posthorn/testing";
import { Schedules } from "../../../runtime/turns/schedules.ts";
import { Timers } from "../../../runtime/scheduling/timers.ts";
import { CronTimes } from "../../../runtime/turns/cron_times.ts";

const to: Address = { protocol: "clock", key: "main", operation: "tick" };

function stage() {
  const clock = new VirtualClock({ nowMs: 1_000 });
  const timers = new Timers(clock);
  const cron = new CronTimes();
  const sent: string[] = [];
  const deliverTo = (_to: Address, payload: unknown) =>
    void sent.push(`${payload} at ${clock.monotonicMs()}`);
  return {
    clock,
    timers,
    cron,
    sent,
    schedules: new Schedules({ timers, clock, cron, delivery: { deliverTo } }, () => sent.push("empty")),
  };
}

Deno.test("Schedules send after a while, at a time, and again and again", async () => {
  const { clock, sent, schedules } = stage();
  schedules.change({ name: "after", when: { afterMs: 5 }, to, payload: "after" });
  schedules.change({ name: "at", when: { at: new Date(1_010) }, to, payload: "at" });
  schedules.change({ name: "every", when: { everyMs: 6 }, to, payload: "every" });
  await clock.advance(12);
  assert.deepEqual(sent, ["after at 5", "every at 6", "at at 10", "every at 12"]);
  assert.equal(schedules.size, 1);
  schedules.clear();
});

Deno.test("Schedules replace what has the same name, and take it back", async () => {
  const { clock, timers, sent, schedules } = stage();
  schedules.change({ name: "a", when: { afterMs: 5 }, to, payload: "old" });
  schedules.change({ name: "a", when: { afterMs: 7 }, to, payload: "new" });
  schedules.change({ name: "b", when: { afterMs: 5 }, to, payload: "b" });
  schedules.change({ name: "b" });
  await clock.advance(10);
  assert.deepEqual(sent, ["new at 7", "empty"]);
  assert.deepEqual([schedules.size, timers.size], [0, 0]);
});

Deno.test("Schedules that are cleared send nothing and leave no timer", async () => {
  const { clock, timers, sent, schedules } = stage();
  for (const name of ["a", "b"]) schedules.change({ name, when: { everyMs: 5 }, to, payload: name });
  schedules.clear();
  await clock.advance(20);
  assert.deepEqual([sent, schedules.size, timers.size], [[], 0, 0]);
});

Deno.test("Schedules have a bound, which counts names and not changes", () => {
  const { schedules } = stage();
  const many = Array.from({ length: 1_000 }, (_, n) => ({ name: `n${n}`, when: { afterMs: 1 }, to }));
  schedules.requireChanges(many, "clock/main");
  for (const change of many) schedules.change(change);
  schedules.requireChanges(
    [many[0], { name: "n1" }, { name: "new", when: { afterMs: 1 }, to }],
    "clock/main",
  );
  assert.throws(() => schedules.requireChanges([{ name: "new", when: { afterMs: 1 }, to }], "clock/main"), {
    name: LimitExceededError.name,
    code: "too-many-schedules",
    message: "Cannot schedule for clock/main: it would have 1001 of 1000 schedules",
  });
  schedules.clear();
});
