import assert from "node:assert/strict";
import fc from "fast-check";
import { drawFaults } from "./draw_faults.ts";

const workers = ["a1", "a2", "b1", "b2"];

Deno.test("the same seed kills the same at the same times", () => {
  const options = { durationMs: 60_000, workers, killEachMs: 4_000, brokerKills: 2 };
  assert.deepEqual(drawFaults({ ...options, seed: 7 }), drawFaults({ ...options, seed: 7 }));
  assert.notDeepEqual(drawFaults({ ...options, seed: 7 }), drawFaults({ ...options, seed: 8 }));
});

Deno.test("workers take turns, each is back before the next goes, and all is over in time", () => {
  fc.assert(fc.property(fc.nat(), fc.integer({ min: 1, max: 12 }), (seed, kills) => {
    const killEachMs = 3_000;
    const durationMs = killEachMs * kills;
    const faults = drawFaults({ seed, durationMs, workers, killEachMs, brokerKills: 2 });
    const ofWorkers = faults.filter(({ target }) => target !== "broker");
    assert.equal(ofWorkers.length, kills);
    assert.equal(faults.length - kills, 2);
    for (const [index, { atMs, backAfterMs }] of ofWorkers.entries()) {
      assert.ok(atMs + backAfterMs <= (ofWorkers[index + 1]?.atMs ?? durationMs));
    }
    const turn = ofWorkers.slice(0, workers.length).map(({ target }) => target);
    assert.equal(new Set(turn).size, turn.length);
    assert.deepEqual(faults, faults.toSorted((a, b) => a.atMs - b.atMs));
  }));
});
