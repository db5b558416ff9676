import assert from "node:assert/strict";
import { VirtualClock } from "@posthorn/posthorn/testing";
import { RungClock } from "../../../runtime/scheduling/rung_clock.ts";
import { Timers } from "../../../runtime/scheduling/timers.ts";

const holdMs = 1_000;

/** Timers that hold what is due later, and what they have called. */
function held() {
  const clock = new VirtualClock();
  const rung = new RungClock(clock, (delayMs) => delayMs > holdMs);
  const timers = new Timers(rung);
  const called: string[] = [];
  const set = (delayMs: number, name: string) => timers.set(delayMs, () => void called.push(name));
  return { clock, rung, timers, called, set };
}

Deno.test("what is due soon has a timer, and what is due later has none until somebody rings", async () => {
  const { clock, rung, called, set } = held();
  set(500, "soon");
  set(5_000, "later");
  assert.equal(clock.waiting, 1);
  await clock.advance(10_000);
  assert.deepEqual([called, clock.waiting], [["soon"], 0]);
  assert.equal(rung.leftMs, -5_000);
  rung.ring();
  await clock.advance(0);
  assert.deepEqual([called, rung.leftMs], [["soon", "later"], undefined]);
});

Deno.test("a ring before the time sets a timer only if that is soon", async () => {
  const { clock, rung, called, set } = held();
  set(5_000, "later");
  await clock.advance(3_000);
  rung.ring();
  assert.equal(clock.waiting, 0);
  await clock.advance(1_500);
  rung.ring();
  rung.ring();
  assert.equal(clock.waiting, 1);
  await clock.advance(500);
  assert.deepEqual(called, ["later"]);
});

Deno.test("an earlier timer takes the place of one that is held, which is held again behind it", async () => {
  const { clock, rung, called, set } = held();
  set(5_000, "later");
  set(100, "soon");
  await clock.advance(100);
  assert.deepEqual([called, clock.waiting, rung.leftMs], [["soon"], 0, 4_900]);
});

Deno.test("a timer that is held and cleared is not called", async () => {
  const { clock, rung, timers, called, set } = held();
  set(5_000, "later");
  timers.clear();
  assert.equal(rung.leftMs, undefined);
  await clock.advance(6_000);
  rung.ring();
  await clock.advance(0);
  assert.deepEqual(called, []);
});
