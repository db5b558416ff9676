import { actor, ask, type Clock, protocol, System, systemClock } from "@posthorn/posthorn";
import * as z from "zod";
import assert from "node:assert/strict";

/** As on deployed workers: the clock does not advance until the event loop turns. */
function standingClock(): Clock {
  const clock = systemClock();
  let nowMs = clock.now();
  let monotonicMs = clock.monotonicMs();
  const moving = (callback: () => void) => () => {
    nowMs = clock.now();
    monotonicMs = clock.monotonicMs();
    callback();
  };
  return {
    now: () => nowMs,
    monotonicMs: () => monotonicMs,
    setTimer: (delayMs, callback) => clock.setTimer(delayMs, moving(callback)),
    macrotask: (callback) => clock.macrotask(moving(callback)),
    yield: (callback) => clock.yield(moving(callback)),
  };
}

Deno.test("a loop of asks lets timers run although the clock stands still", async () => {
  const Counter = protocol("counter", { increment: ask(z.number()) });
  const counter = actor(Counter, { state: () => 0, on: { increment: (ctx) => ctx.state = ctx.state + 1 } });
  await using system = new System({ actors: [counter], clock: standingClock() });
  const ref = system.ref(Counter, "main");
  let fired = false;
  setTimeout(() => fired = true, 0);
  let asks = 0;
  while (!fired && asks < 1_000_000) asks = await ref.ask(Counter.increment);
  assert.ok(fired, `no timer in ${asks} asks`);
});
