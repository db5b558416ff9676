import assert from "node:assert/strict";
import { VirtualClock } from "@posthorn/posthorn/testing";
import { Timers } from "../../../runtime/scheduling/timers.ts";

function stage() {
  const clock = new VirtualClock();
  const fired: string[] = [];
  const timers = new Timers(clock);
  const set = (name: string, delayMs: number) => timers.set(delayMs, () => void fired.push(name));
  return { clock, timers, fired, set };
}

Deno.test("Timers fire in the order of their times, whatever the order in which they were set", async () => {
  const { clock, fired, set } = stage();
  for (const delayMs of [30, 10, 20, 5]) set(`${delayMs}`, delayMs);
  await clock.advance(30);
  assert.deepEqual(fired, ["5", "10", "20", "30"]);
});

Deno.test("Timers of the same time fire in the order in which they were set", async () => {
  const { clock, fired, set } = stage();
  const names = Array.from({ length: 20 }, (_, index) => `${index}`);
  for (const name of names) set(name, 10);
  await clock.advance(10);
  assert.deepEqual(fired, names);
});

Deno.test("Timers fire neither early nor twice", async () => {
  const { clock, timers, fired, set } = stage();
  set("a", 10);
  await clock.advance(9);
  assert.deepEqual(fired, []);
  await clock.advance(100);
  assert.deepEqual(fired, ["a"]);
  assert.equal(timers.size, 0);
});

Deno.test("Timers fire what is due within a millisecond, whatever the clock rounds off", async () => {
  const clock = new VirtualClock({ nowMs: 2 ** 51 }); // its resolution is a quarter of a millisecond
  const timers = new Timers(clock);
  const fired: string[] = [];
  timers.set(10.2, () => fired.push("a"));
  await clock.advance(11);
  assert.deepEqual(fired, ["a"]);
});

Deno.test("Timers do not fire what was cancelled", async () => {
  const { clock, timers, fired, set } = stage();
  const first = set("a", 10);
  set("b", 20);
  first.cancel();
  first.cancel();
  assert.equal(timers.size, 1);
  await clock.advance(20);
  assert.deepEqual(fired, ["b"]);
});

Deno.test("Timers take no notice of a cancel after the firing", async () => {
  const { clock, timers, set } = stage();
  const first = set("a", 10);
  set("b", 20);
  await clock.advance(10);
  first.cancel();
  assert.equal(timers.size, 1);
});

Deno.test("Timers hold one timer of the clock, however many wait", () => {
  const { clock, set } = stage();
  for (let delayMs = 100; delayMs > 0; delayMs--) set("", delayMs);
  assert.equal(clock.waiting, 1);
});

Deno.test("Timers never ask the clock for what never comes", async () => {
  const { clock, timers, fired, set } = stage();
  set("never", Infinity);
  await clock.advance(1e9);
  assert.equal(clock.waiting, 0);
  assert.equal(timers.size, 1);
  assert.deepEqual(fired, []);
});

Deno.test("Timers sweep what was cancelled when it is half of all", async () => {
  const { clock, timers, fired, set } = stage();
  const kept = Array.from({ length: 40 }, (_, index) => 1_000 + 7 * index % 40);
  for (const delayMs of kept) set(`${delayMs}`, delayMs);
  const dead = Array.from({ length: 100 }, (_, index) => set("dead", 1 + index));
  for (const timer of dead) timer.cancel();
  assert.equal(timers.size, 40);
  await clock.advance(2_000);
  assert.deepEqual(fired, kept.toSorted((one, other) => one - other).map(String));
});

Deno.test("Timers let the clock's timer go when all were cancelled and swept", () => {
  const { clock, set } = stage();
  for (const timer of Array.from({ length: 32 }, () => set("", 10))) timer.cancel();
  assert.equal(clock.waiting, 0);
});

Deno.test("Timers take what a callback sets", async () => {
  const { clock, timers, fired } = stage();
  const tick = (left: number) => {
    fired.push(`${clock.monotonicMs()}`);
    if (left > 0) timers.set(5, () => tick(left - 1));
  };
  timers.set(5, () => tick(3));
  await clock.advance(100);
  assert.deepEqual(fired, ["5", "10", "15", "20"]);
});

Deno.test("Timers fire what a callback sets without delay in the same sweep", async () => {
  const { clock, timers, fired, set } = stage();
  timers.set(5, () => set("now", 0));
  await clock.advance(5);
  assert.deepEqual(fired, ["now"]);
});

Deno.test("Timers do not fire what a callback of the same time cancelled", async () => {
  const { clock, timers, fired, set } = stage();
  timers.set(5, () => second.cancel());
  const second = set("second", 5);
  await clock.advance(5);
  assert.deepEqual(fired, []);
});

Deno.test("Timers fire the others when a callback throws", async () => {
  const { clock, timers, fired, set } = stage();
  timers.set(5, () => {
    throw new Error("boom");
  });
  set("after", 6);
  await assert.rejects(clock.advance(10), { message: "boom" });
  await clock.advance(10);
  assert.deepEqual(fired, ["after"]);
});

Deno.test("Timers that are cleared call onClear, and fire nothing", async () => {
  const { clock, timers, fired, set } = stage();
  set("plain", 5);
  timers.set(5, () => fired.push("fired"), () => fired.push("cleared"));
  timers.set(5, () => {}, () => fired.push("cancelled")).cancel();
  timers.clear();
  await clock.advance(10);
  assert.deepEqual(fired, ["cleared"]);
  assert.equal(timers.size, 0);
  assert.equal(clock.waiting, 0);
});

Deno.test("Timers set nothing once they were cleared", async () => {
  const { clock, timers, fired, set } = stage();
  timers.clear();
  const late = set("late", 5);
  assert.equal(clock.waiting, 0);
  assert.equal(late.waiting, false);
  late.cancel();
  await clock.advance(10);
  assert.deepEqual(fired, []);
  assert.equal(timers.size, 0);
});

Deno.test("Timers that are cleared by a callback fire nothing more", async () => {
  const { clock, timers, fired, set } = stage();
  timers.set(5, () => timers.clear());
  set("after", 5);
  await clock.advance(10);
  assert.deepEqual(fired, []);
  assert.equal(clock.waiting, 0);
});

Deno.test("timers that may leave none have none of the clock when all are cancelled", async () => {
  const clock = new VirtualClock();
  const timers = new Timers(clock);
  timers.leavesNone = true;
  const called: string[] = [];
  const first = timers.set(60_000, () => called.push("first"));
  timers.set(1_000, () => called.push("second"));
  first.cancel();
  assert.equal(clock.waiting, 1);
  await clock.advance(1_000);
  assert.deepEqual([called, clock.waiting, timers.size], [["second"], 0, 0]);
  const third = timers.set(5_000, () => called.push("third"));
  third.cancel();
  assert.deepEqual([clock.waiting, timers.size], [0, 0]);
  timers.set(5_000, () => called.push("fourth"));
  await clock.advance(60_000);
  assert.deepEqual(called, ["second", "fourth"]);
});
