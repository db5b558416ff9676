import assert from "node:assert/strict";
import { systemRandom } from "@posthorn/posthorn";
import { decodeTime } from "@std/ulid";
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

  Deno.test(`${name} gives ULIDs of their time, each once`, () => {
    const random = make();
    const ulids = [5, 5, 7.5, 8].map((nowMs) => random.ulid(nowMs));
    assert(ulids.every((ulid) => /^[0-9A-HJKMNP-TV-Z]{26}$/.test(ulid)));
    assert.deepEqual(ulids.map(decodeTime), [5, 5, 7, 8]);
    assert.equal(new Set(ulids).size, ulids.length);
  });
}

Deno.test("systemRandom gives ULIDs also by a clock that is before or behind what they can carry", () => {
  const random = systemRandom();
  assert.deepEqual([-1, 8.64e15].map((nowMs) => decodeTime(random.ulid(nowMs))), [0, 2 ** 48 - 1]);
});

Deno.test("seededRandom repeats itself for the same seed, and differs for another", () => {
  const draw = (seed: number) => Array.from({ length: 5 }, seededRandom(seed).next);
  assert.deepEqual(draw(7), draw(7));
  assert.notDeepEqual(draw(7), draw(8));
});

Deno.test("systemRandom gives unpredictable ULIDs, because they are ids of replies", () => {
  const random = systemRandom();
  const [first, second] = [random.ulid(5), random.ulid(5)].map((ulid) => ulid.slice(10));
  const common = [...first].filter((digit, index) => digit === second[index]).length;
  assert(common < 8, `${first} and ${second} share ${common} of 16 digits`);
});
