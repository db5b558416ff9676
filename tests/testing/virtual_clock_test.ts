import assert from "node:assert/strict";
import { VirtualClock } from "@posthorn/posthorn/testing";
import fc from "fast-check";

Deno.test("a virtual clock stands still until it is advanced", async () => {
  const clock = new VirtualClock({ nowMs: 1_000 });
  await clock.settle();
  assert.deepEqual([clock.now(), clock.monotonicMs()], [1_000, 0]);
  await clock.advance(250);
  assert.deepEqual([clock.now(), clock.monotonicMs()], [1_250, 250]);
  assert.equal(new VirtualClock().now(), Date.UTC(2030, 0, 1));
});

Deno.test("a virtual clock neither goes back nor loses its time", async () => {
  const clock = new VirtualClock({ nowMs: 1_000 });
  for (const byMs of [-1, NaN, Infinity]) {
    const must = "it takes a finite number of milliseconds of at least 0";
    const message = `Cannot advance a clock: ${must}: current value is ${byMs}`;
    await assert.rejects(clock.advance(byMs), { name: "RangeError", message });
  }
  assert.equal(clock.now(), 1_000);
  await clock.advance(0);
  assert.throws(() => new VirtualClock({ nowMs: NaN }), {
    name: "RangeError",
    message: "Cannot use nowMs: it must be a finite number: current value is NaN",
  });
});

Deno.test("timers fire at their time, in order, and those of one time in the order of setting", async () => {
  await fc.assert(fc.asyncProperty(
    fc.array(fc.record({ delayMs: fc.integer({ min: -2, max: 20 }), cancelled: fc.boolean() })),
    fc.array(fc.integer({ min: 0, max: 8 })),
    async (timers, steps) => {
      const clock = new VirtualClock({ nowMs: 0 });
      const fired: string[] = [];
      timers.forEach(({ delayMs, cancelled }, index) => {
        const cancel = clock.setTimer(delayMs, () => fired.push(`${index} at ${clock.now()}`));
        if (cancelled) cancel();
      });
      for (const step of steps) await clock.advance(step);
      const untilMs = steps.reduce((sum, step) => sum + step, 0);
      const due = timers.map(({ delayMs, cancelled }, index) => ({
        dueMs: Math.max(delayMs, 0),
        cancelled,
        index,
      }))
        .filter(({ dueMs, cancelled }) => !cancelled && dueMs <= untilMs && steps.length > 0)
        .toSorted((a, b) => a.dueMs - b.dueMs || a.index - b.index);
      assert.deepEqual(fired, due.map(({ index, dueMs }) => `${index} at ${dueMs}`));
      assert.equal(clock.waiting, timers.filter(({ cancelled }) => !cancelled).length - due.length);
      assert.equal(clock.now(), untilMs);
    },
  ));
});

Deno.test("what follows from a timer runs before the next one, and may set one that still falls due", async () => {
  const clock = new VirtualClock({ nowMs: 0 });
  const seen: string[] = [];
  clock.setTimer(10, async () => {
    await Promise.resolve();
    await Promise.resolve();
    seen.push(`first ${clock.now()}`);
    clock.setTimer(5, () => seen.push(`inner ${clock.now()}`));
    clock.macrotask(() => seen.push(`macrotask ${clock.now()}`));
    clock.yield(() => seen.push(`yield ${clock.now()}`));
  });
  clock.setTimer(20, () => seen.push(`second ${clock.now()}`));
  await clock.advance(20);
  assert.deepEqual(seen, ["first 10", "macrotask 10", "yield 10", "inner 15", "second 20"]);
});

Deno.test("cancelling a timer again, or after it has fired, does nothing to others", async () => {
  const clock = new VirtualClock();
  const fired: string[] = [];
  const cancel = clock.setTimer(1, () => fired.push("a"));
  clock.setTimer(2, () => fired.push("b"));
  await clock.advance(1);
  cancel();
  cancel();
  assert.equal(clock.waiting, 1);
  await clock.advance(1);
  assert.deepEqual(fired, ["a", "b"]);
});

Deno.test("settle waits for whatever needs no time", async () => {
  const clock = new VirtualClock();
  const seen: number[] = [];
  const hop = (left: number): void => {
    if (left > 0) clock.yield(() => hop(left - 1));
    else void Promise.resolve().then(() => seen.push(1));
  };
  hop(1_000);
  await clock.settle();
  assert.deepEqual(seen, [1]);
});
