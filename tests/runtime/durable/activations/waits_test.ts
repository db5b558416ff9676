import assert from "node:assert/strict";
import { VirtualClock } from "@posthorn/posthorn/testing";
import { Waits } from "../../../../runtime/durable/activations/waits.ts";

Deno.test("Waits: nobody waits longer than it was to be, where the clock that set the time was ahead", async () => {
  const clock = new VirtualClock();
  const waits = new Waits(clock);
  const untilMs = clock.now() + 3_600_000 + 500; // by a clock an hour ahead, for half a second
  assert.equal(waits.leftMs("a", untilMs, 500), 500);
  await clock.advance(300);
  assert.equal(waits.leftMs("a", untilMs, 500), 200);
  await clock.advance(200);
  assert.equal(waits.leftMs("a", untilMs, 500), 0);
  assert.equal(new Waits(clock).leftMs("a", untilMs), 3_600_000);
});
