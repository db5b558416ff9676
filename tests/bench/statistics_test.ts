import assert from "node:assert/strict";
import { apart, ratiosOf, spreadOf } from "../../bench/statistics.ts";

Deno.test("spreadOf() takes the middle of an odd number, and the mean of the two in the middle of an even one", () => {
  assert.deepEqual(spreadOf([3, 1, 10]), { median: 3, min: 1, max: 10 });
  assert.deepEqual(spreadOf([4, 1, 10, 2]), { median: 3, min: 1, max: 10 });
  assert.equal(spreadOf([]), undefined);
});

Deno.test("spreadOf() sorts by number and does not change its argument", () => {
  const figures = [100, 9, 20];
  assert.equal(spreadOf(figures)?.median, 20);
  assert.deepEqual(figures, [100, 9, 20]);
});

Deno.test("ratiosOf() divides round by round, so that a slow round says nothing", () => {
  assert.deepEqual(ratiosOf([10, 1, 20], [5, 0.5, 10]), { median: 2, min: 2, max: 2 });
});

Deno.test("ratiosOf() leaves out a round in which either has no figure", () => {
  assert.deepEqual(ratiosOf([10, null, 30], [5, 1, null]), { median: 2, min: 2, max: 2 });
  assert.equal(ratiosOf([null, 1], [1, null]), undefined);
  assert.equal(ratiosOf([1], []), undefined);
});

Deno.test("apart() is true only if two ranges do not overlap", () => {
  const spread = (min: number, max: number) => ({ median: (min + max) / 2, min, max });
  assert.ok(apart(spread(1, 2), spread(3, 4)));
  assert.ok(apart(spread(3, 4), spread(1, 2)));
  assert.ok(!apart(spread(1, 3), spread(3, 4)));
  assert.ok(!apart(spread(1, 9), spread(3, 4)));
});
