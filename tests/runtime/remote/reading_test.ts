// Whatever becomes of readers, of the store and of acknowledgements: each message takes effect once, and in order.

import assert from "node:assert/strict";
import { ReadingWorld } from "./reading_world.ts";

const first = Number(Deno.env.get("READING_FROM") ?? 1);
const count = Number(Deno.env.get("READING_SEEDS") ?? 10);

for (let seed = first; seed < first + count; seed++) {
  Deno.test(`readers of a shard change all the time, and each message is accepted once and in order: seed ${seed}`, async () => {
    const world = new ReadingWorld(seed);
    assert.equal(await world.run(), undefined, world.simulation.lastSteps.join("\n"));
  });
}
