import assert from "node:assert/strict";
import { VirtualClock } from "@posthorn/posthorn/testing";
import { DelayedRetries } from "../../../runtime/activations/delayed_retries.ts";
import type { Envelope } from "../../../runtime/messages/envelope.ts";
import { Timers } from "../../../runtime/scheduling/timers.ts";

const named = (name: string) => name as unknown as Envelope;

Deno.test("DelayedRetries bring each message back when its time has come", async () => {
  const clock = new VirtualClock();
  const delayedRetries = new DelayedRetries(new Timers(clock));
  const back: string[] = [];
  delayedRetries.add(named("late"), 20, () => back.push("late"));
  delayedRetries.add(named("early"), 10, () => back.push("early"));
  await clock.advance(10);
  assert.deepEqual([back, delayedRetries.size], [["early"], 1]);
  await clock.advance(10);
  assert.deepEqual([back, delayedRetries.size], [["early", "late"], 0]);
});

Deno.test("DelayedRetries that are taken do not come back, and leave no timer", async () => {
  const clock = new VirtualClock();
  const timers = new Timers(clock);
  const delayedRetries = new DelayedRetries(timers);
  for (const name of ["a", "b"]) {
    delayedRetries.add(named(name), 10, () => assert.fail(`${name} came back`));
  }
  assert.deepEqual(delayedRetries.take(), [named("a"), named("b")]);
  assert.deepEqual([delayedRetries.size, timers.size], [0, 0]);
  await clock.advance(10);
});
