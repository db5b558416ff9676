import assert from "node:assert/strict";
import { systemClock } from "@posthorn/posthorn";

Deno.test("systemClock knows the time of day, and another that never goes back", () => {
  const clock = systemClock();
  const beforeMs = clock.monotonicMs();
  assert(Math.abs(clock.now() - Date.now()) < 1_000);
  assert(clock.monotonicMs() >= beforeMs);
});

Deno.test("systemClock calls back once the delay is over, and not at all when that was cancelled", async () => {
  const clock = systemClock();
  clock.setTimer(0, () => assert.fail("called"))();
  await new Promise<void>((resolve) => void clock.setTimer(-1, resolve));
  const beganMs = clock.monotonicMs();
  await new Promise<void>((resolve) => void clock.setTimer(3, resolve));
  assert(clock.monotonicMs() - beganMs >= 2);
});

Deno.test("systemClock does not call back at once for a delay that is too long for the machine", async () => {
  const clock = systemClock();
  const cancels = [2 ** 31, 1e15].map((delayMs) => clock.setTimer(delayMs, () => assert.fail("called")));
  await new Promise<void>((resolve) => void clock.setTimer(2, resolve));
  for (const cancel of cancels) cancel();
});

Deno.test("systemClock calls back in the next turn of the event loop, after the microtasks", async () => {
  const clock = systemClock();
  const called: string[] = [];
  clock.macrotask(() => called.push("macrotask"));
  await Promise.resolve().then(() => called.push("microtask"));
  await new Promise<void>((resolve) => clock.macrotask(resolve));
  assert.deepEqual(called, ["microtask", "macrotask"]);
});

Deno.test("systemClock yields until timers that are due have fired", async () => {
  const clock = systemClock();
  let fired = false;
  clock.setTimer(0, () => fired = true);
  const untilMs = clock.monotonicMs() + 2;
  while (clock.monotonicMs() < untilMs); // the timer is due now
  await new Promise<void>((resolve) => clock.yield(resolve));
  assert(fired);
});

Deno.test("systemClock yields for many turns of the event loop, so that sockets have theirs, or for 2 ms", async () => {
  const clock = systemClock();
  const beganMs = clock.monotonicMs();
  let turns = 0;
  let yielded = false;
  clock.yield(() => yielded = true);
  for (; !yielded; turns++) await new Promise<void>((resolve) => clock.macrotask(resolve));
  assert(turns >= 32 || clock.monotonicMs() - beganMs >= 2, `it yielded for ${turns} turns`);
});
