import assert from "node:assert/strict";
import { type Clock, systemClock } from "@posthorn/posthorn";
import { VirtualClock } from "@posthorn/posthorn/testing";
import { TimeLimits } from "../../../../adapters/stores/postgres/time_limits.ts";

Deno.test("time limits: each promise has its own, and one timer is enough for all", async () => {
  const virtual = new VirtualClock();
  let timers = 0;
  const clock: Clock = {
    now: () => virtual.now(),
    monotonicMs: () => virtual.monotonicMs(),
    setTimer(delayMs, callback) {
      timers++;
      return virtual.setTimer(delayMs, callback);
    },
    macrotask: (callback) => virtual.macrotask(callback),
    yield: (callback) => virtual.yield(callback),
  };
  const limits = new TimeLimits(clock);
  for (let count = 0; count < 100; count++) {
    assert.equal(await limits.within(30_000, Promise.resolve(count)), count);
  }
  assert.equal(timers, 1);
  const refused = new Error("refused");
  await assert.rejects(limits.within(30_000, Promise.reject(refused)), refused);

  const outcomes: string[] = [];
  const never = new Promise<void>(() => {});
  const begin = (ms: number) =>
    limits.within(ms, never).catch(({ message }) =>
      outcomes.push(`${message} at ${virtual.monotonicMs() - startMs}`)
    );
  const startMs = virtual.monotonicMs();
  void begin(30_000);
  await virtual.advance(5_000);
  void begin(10_000);
  void begin(30_000);
  await virtual.advance(29_999);
  assert.deepEqual(outcomes, [
    "it did not answer within 10 s at 15000",
    "it did not answer within 30 s at 30000",
  ]);
  await virtual.advance(1);
  assert.equal(outcomes.at(-1), "it did not answer within 30 s at 35000");
  limits.end();
});

Deno.test("time limits: no timer is left at the end", async () => {
  const limits = new TimeLimits(systemClock());
  await limits.within(30_000, Promise.resolve());
  limits.end();
  await limits.within(30_000, Promise.resolve());
});
