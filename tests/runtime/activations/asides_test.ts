import assert from "node:assert/strict";
import { VirtualClock } from "@posthorn/posthorn/testing";
import { Asides } from "../../../runtime/activations/asides.ts";
import type { Envelope } from "../../../runtime/messages/envelope.ts";
import { Timers } from "../../../runtime/scheduling/timers.ts";

const named = (name: string) => name as unknown as Envelope;

Deno.test("Asides bring each message back when its time has come", async () => {
  const clock = new VirtualClock();
  const asides = new Asides(new Timers(clock));
  const back: string[] = [];
  asides.add(named("late"), 20, () => back.push("late"));
  asides.add(named("early"), 10, () => back.push("early"));
  await clock.advance(10);
  assert.deepEqual([back, asides.size], [["early"], 1]);
  await clock.advance(10);
  assert.deepEqual([back, asides.size], [["early", "late"], 0]);
});

Deno.test("Asides that are taken do not come back, and leave no timer", async () => {
  const clock = new VirtualClock();
  const timers = new Timers(clock);
  const asides = new Asides(timers);
  for (const name of ["a", "b"]) asides.add(named(name), 10, () => assert.fail(`${name} came back`));
  assert.deepEqual(asides.take(), [named("a"), named("b")]);
  assert.deepEqual([asides.size, timers.size], [0, 0]);
  await clock.advance(10);
});
