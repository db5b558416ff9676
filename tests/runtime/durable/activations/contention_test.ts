import assert from "node:assert/strict";
import { seededRandom } from "@posthorn/posthorn/testing";
import { Contention } from "../../../../runtime/durable/activations/contention.ts";

Deno.test("Contention: an instance that loses waits longer each time, up to a bound, and takes fewer messages at once", () => {
  const random = seededRandom(1);
  const contention = new Contention();
  const waits: number[] = [];
  const batches = [contention.batchMax];
  for (let turn = 0; turn < 12; turn++) {
    waits.push(contention.lost(random));
    batches.push(contention.batchMax);
  }
  assert.equal(waits[0], 0, "the first time it is loaded at once");
  assert.deepEqual(batches.slice(0, 5), [64, 16, 4, 1, 1]);
  for (const [turn, waitMs] of waits.entries()) {
    if (turn === 0) continue;
    const mostMs = Math.min(10 * 2 ** turn, 2_000);
    assert.ok(waitMs >= mostMs / 2 && waitMs <= mostMs, `${waitMs} of ${mostMs} ms`);
  }
  for (let turn = 0; turn < 6; turn++) contention.won();
  assert.equal(contention.batchMax, 64);
  assert.equal(contention.lost(random), 0);
});

Deno.test("Contention: after three lost turns in a row the actor is left to the instance that wrote it last, if it is alive", () => {
  const random = seededRandom(1);
  const contention = new Contention();
  const yields = (living: string) =>
    contention.yieldsTo({ turn: "01WINNER-7", clock: 0 }, { lives: (instance) => instance === living });
  for (let turn = 0; turn < 3; turn++) {
    assert.equal(yields("01WINNER"), false);
    contention.lost(random);
  }
  assert.equal(yields("01WINNER"), true);
  assert.equal(yields("01OTHER"), false);
  contention.won();
  assert.equal(yields("01WINNER"), false);
});

Deno.test("Contention: an instance that waits for another's trial looks less and less often, up to a bound", () => {
  const random = seededRandom(1);
  const contention = new Contention();
  const waits = Array.from({ length: 20 }, () => contention.left(random));
  assert.ok(waits[0] <= 150, `${waits[0]}`);
  assert.ok(waits.slice(6).every((waitMs) => waitMs >= 1_000 && waitMs <= 3_000), `${waits}`);
});
