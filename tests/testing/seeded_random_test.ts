import assert from "node:assert/strict";
import { seededRandom } from "@posthorn/posthorn/testing";
import { decodeTime } from "@std/ulid";
import fc from "fast-check";

const draw = (seed: number, count = 20) => {
  const random = seededRandom(seed);
  return Array.from({ length: count }, () => random.next());
};

Deno.test("the same seed gives the same numbers, another seed others", () => {
  fc.assert(fc.property(fc.integer(), fc.integer(), (one, other) => {
    assert.deepEqual(draw(one), draw(one));
    if (one >>> 0 !== other >>> 0) assert.notDeepEqual(draw(one), draw(other));
  }));
});

Deno.test("numbers are at least 0 and below 1, and spread evenly", () => {
  const tenths = new Array<number>(10).fill(0);
  for (const number of draw(7, 100_000)) {
    assert.ok(number >= 0 && number < 1);
    tenths[Math.floor(number * 10)]++;
  }
  for (const count of tenths) assert.ok(Math.abs(count - 10_000) < 400, String(tenths));
});

Deno.test("ULIDs carry their time and come in order, also when the clock is set back", () => {
  fc.assert(fc.property(fc.array(fc.double({ min: 0, max: 2 ** 48 - 1, noNaN: true })), (times) => {
    const random = seededRandom(1);
    const ulids = times.map((time) => random.ulid(time));
    assert.deepEqual(ulids.toSorted(), ulids);
    assert.equal(new Set(ulids).size, times.length);
    let latest = 0;
    times.forEach((time, index) => {
      latest = Math.max(latest, Math.floor(time));
      assert.match(ulids[index], /^[0-7][0-9A-HJKMNP-TV-Z]{25}$/);
      assert.equal(decodeTime(ulids[index]), latest);
    });
  }));
});
