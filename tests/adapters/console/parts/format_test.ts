import assert from "node:assert/strict";
import {
  count,
  counted,
  duration,
  isoTime,
  number,
  relative,
} from "../../../../adapters/console/parts/format.ts";

Deno.test("a duration has the unit that fits it", () => {
  const texts = [
    0,
    0.004,
    0.42,
    9.999,
    10,
    999,
    1_000,
    9_999,
    10_000,
    119_000,
    120_000,
    7_199_999,
    7_200_000,
    172_800_000,
    1e12,
  ]
    .map(duration);
  assert.deepEqual(texts, [
    "0 ms",
    "0 ms",
    "0.42 ms",
    "10 ms",
    "10 ms",
    "999 ms",
    "1 s",
    "10 s",
    "10 s",
    "119 s",
    "2 min",
    "120 min",
    "2 h",
    "2 days",
    "11,574 days",
  ]);
});

Deno.test("a time is told from now, and one that no date can hold as its number", () => {
  assert.equal(relative(0, 3_000), "3 s ago");
  assert.equal(relative(3_000, 0), "in 3 s");
  assert.equal(relative(500, 0), "now");
  assert.equal(isoTime(0), "1970-01-01T00:00:00.000Z");
  assert.equal(isoTime(9e15), "9000000000000000");
  assert.equal(isoTime(Infinity), "Infinity");
  assert.equal(isoTime(NaN), "NaN");
});

Deno.test("numbers have separators, and a count says if there may be more", () => {
  assert.equal(number(0.25), "0.3");
  assert.equal(number(1_234.5), "1,235");
  assert.equal(count({ count: 10_000, more: true }), "10,000+");
  assert.equal(count({ count: 3, more: false }), "3");
  assert.equal(counted(1, "message"), "1 message");
  assert.equal(counted(2_000, "message"), "2,000 messages");
});
