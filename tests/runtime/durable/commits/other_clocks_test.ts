// A row has expired when it has by the clocks of all instances: of the living, and for a day of those that
// are gone.

import assert from "node:assert/strict";
import { VirtualClock } from "@posthorn/posthorn/testing";
import { OtherClocks } from "../../../../runtime/durable/commits/other_clocks.ts";

const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;

function clocks(): {
  readonly clock: VirtualClock;
  readonly others: OtherClocks;
  behind(byMs: number): number;
} {
  const clock = new VirtualClock();
  return { clock, others: new OtherClocks(clock), behind: (byMs) => clock.now() - byMs };
}

Deno.test("OtherClocks: before the first look no row of the last day has expired, and none of the last hour if the look is old", async () => {
  const { clock, others } = clocks();
  assert.equal(others.aheadMs, day);
  others.looked();
  assert.equal(others.aheadMs, 0);
  await clock.advance(15_000);
  assert.equal(others.aheadMs, 0);
  await clock.advance(1);
  assert.equal(others.aheadMs, hour);
  assert.equal(others.slowest.now(), clock.now() - hour);
});

Deno.test("the slowest of the others counts: not under a minute, and never by more than a day", () => {
  const { others, behind } = clocks();
  others.looked();
  others.heard("a", behind(minute - 1), true);
  assert.equal(others.aheadMs, 0);
  others.heard("b", behind(-hour), true);
  assert.equal(others.aheadMs, 0);
  others.heard("c", behind(2 * hour), true);
  assert.equal(others.aheadMs, 2 * hour);
  others.heard("d", behind(100 * day), true);
  assert.equal(others.aheadMs, day);
});

Deno.test("a row whose instance is not known to live counts until that is known to be gone", () => {
  const { others, behind } = clocks();
  others.looked();
  others.heard("a", behind(2 * hour), false);
  assert.equal(others.aheadMs, 2 * hour);
  assert.equal(others.hears("a"), false);
  others.gone("a");
  assert.equal(others.aheadMs, 0);
});

Deno.test("the clock of one that lived counts for a day after it is gone, and the slowest of several", async () => {
  const { clock, others, behind } = clocks();
  others.heard("a", behind(3 * hour), true);
  others.heard("b", behind(2 * hour), true);
  others.heard("c", behind(0), true);
  assert.equal(others.hears("a"), true);
  others.gone("a");
  await clock.advance(hour);
  others.gone("b");
  others.gone("c");
  others.gone("c");
  await clock.advance(day - hour - 1);
  others.looked();
  assert.equal(others.aheadMs, 3 * hour);
  await clock.advance(1);
  assert.equal(others.aheadMs, 2 * hour);
  await clock.advance(hour - 1);
  others.looked();
  assert.equal(others.aheadMs, 2 * hour);
  await clock.advance(1);
  assert.equal(others.aheadMs, 0);
  assert.equal(others.hears("a"), false);
});

Deno.test("a very slow clock counts for a day even if another slow one goes every minute", async () => {
  const { clock, others, behind } = clocks();
  others.heard("slow", behind(100 * day), true);
  others.gone("slow");
  for (let count = 0; count < 1_441; count++) {
    others.heard(`${count}`, behind(5 * minute - count), true);
    others.gone(`${count}`);
    await clock.advance(minute);
  }
  others.looked();
  assert.ok(others.aheadMs >= 4 * minute && others.aheadMs <= 6 * minute, `${others.aheadMs} ms`);
});

Deno.test("a look is old even if only the time of day advanced, as on a machine that slept", () => {
  const clock = new VirtualClock();
  let sleptMs = 0;
  const others = new OtherClocks({
    now: () => clock.now() + sleptMs,
    monotonicMs: () => clock.monotonicMs(),
    setTimer: (delayMs, callback) => clock.setTimer(delayMs, callback),
    macrotask: (callback) => clock.macrotask(callback),
    yield: (callback) => clock.yield(callback),
  });
  others.looked();
  sleptMs = 10 * minute;
  assert.equal(others.aheadMs, hour);
  others.looked();
  assert.equal(others.aheadMs, 0);
});

Deno.test("where one process uses the store, there are no other clocks, however old the look is", async () => {
  const clock = new VirtualClock();
  const others = new OtherClocks(clock, true);
  assert.equal(others.aheadMs, 0);
  others.heard("before", clock.now() - hour, false);
  await clock.advance(hour);
  assert.deepEqual([others.aheadMs, others.slowest.now()], [0, clock.now()]);
});
