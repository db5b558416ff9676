import assert from "node:assert/strict";
import { VirtualClock } from "@posthorn/posthorn/testing";
import { RemainingDelays } from "../../../../runtime/durable/activations/remaining_delays.ts";

Deno.test("RemainingDelays: a message waits no longer than its delay, if the clock that set its time was ahead", async () => {
  const clock = new VirtualClock();
  const waits = new RemainingDelays(clock);
  const untilMs = clock.now() + 3_600_000 + 500; // set for half a second by a clock that is an hour ahead
  assert.equal(waits.leftMs("a", untilMs, 500), 500);
  await clock.advance(300);
  assert.equal(waits.leftMs("a", untilMs, 500), 200);
  await clock.advance(200);
  assert.equal(waits.leftMs("a", untilMs, 500), 0);
  assert.equal(new RemainingDelays(clock).leftMs("a", untilMs), 3_600_000);
});
