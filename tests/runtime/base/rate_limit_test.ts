import assert from "node:assert/strict";
import { VirtualClock } from "@posthorn/posthorn/testing";
import { RateLimit } from "../../../runtime/base/rate_limit.ts";

/** The number of events that pass. */
function passing(limit: RateLimit, count: number): number {
  let passed = 0;
  for (let index = 0; index < count; index++) if (limit.take()) passed++;
  return passed;
}

Deno.test("RateLimit lets 20 pass in each second, and says once how many it left out", async () => {
  const clock = new VirtualClock();
  const limit = new RateLimit(clock);
  assert.deepEqual([passing(limit, 20), limit.takeLeftOut()], [20, 0]);
  assert.equal(passing(limit, 30), 0);
  await clock.advance(999);
  assert.equal(passing(limit, 5), 0);
  assert.deepEqual([limit.takeLeftOut(), limit.takeLeftOut()], [35, 0]);
  await clock.advance(1);
  assert.deepEqual([passing(limit, 25), limit.takeLeftOut()], [20, 5]);
});

Deno.test("RateLimit starts a new second with the next event, however long there was none", async () => {
  const clock = new VirtualClock();
  const limit = new RateLimit(clock);
  await clock.advance(60_500);
  assert.equal(passing(limit, 20), 20);
  await clock.advance(600);
  assert.equal(passing(limit, 1), 0);
  await clock.advance(400);
  assert.equal(passing(limit, 1), 1);
});
