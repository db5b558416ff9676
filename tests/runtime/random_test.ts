import assert from "node:assert/strict";
import { systemRandom } from "@posthorn/posthorn";
import { seededRandom } from "@posthorn/posthorn/testing";

for (
  const [name, make] of [["systemRandom", systemRandom], ["seededRandom", () => seededRandom(1)]] as const
) {
  Deno.test(`${name} gives numbers of at least 0 and below 1`, () => {
    const random = make();
    const numbers = Array.from({ length: 1_000 }, () => random.next());
    assert(numbers.every((number) => number >= 0 && number < 1));
    assert(new Set(numbers).size > 900);
  });

  Deno.test(`${name} gives ULIDs that rise, also when the clock is set back`, () => {
    const random = make();
    const ulids = [5, 5, 7.5, 3, 0, 8].map((nowMs) => random.ulid(nowMs));
    assert(ulids.every((ulid) => /^[0-9A-HJKMNP-TV-Z]{26}$/.test(ulid)));
    assert.deepEqual(ulids.toSorted(), ulids);
    assert.equal(new Set(ulids).size, ulids.length);
  });
}

Deno.test("seededRandom repeats itself for the same seed, and differs for another", () => {
  const draw = (seed: number) => Array.from({ length: 5 }, seededRandom(seed).next);
  assert.deepEqual(draw(7), draw(7));
  assert.notDeepEqual(draw(7), draw(8));
});
