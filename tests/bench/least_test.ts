import assert from "node:assert/strict";
import { leastOf } from "../../bench/least.ts";

Deno.test("leastOf() takes the fastest run, with all that it measured", () => {
  const outcomes = [3, 1, 2].map((elapsedMs) => ({ elapsedMs, check: 7, also: { bytes: elapsedMs * 10 } }));
  assert.deepEqual(leastOf(outcomes), { elapsedMs: 1, check: 7, also: { bytes: 10 } });
});

Deno.test("leastOf() gives no valid check if one run had another result, however fast the others were", () => {
  const outcomes = [{ elapsedMs: 1, check: 7 }, { elapsedMs: 2, check: 8 }];
  assert.equal(leastOf(outcomes).check, NaN);
  assert.throws(() => leastOf([]), RangeError);
});
