import assert from "node:assert/strict";
import fc from "fast-check";
import { Histogram } from "../../../runtime/base/histogram.ts";

Deno.test("Histogram counts a value in the first range whose bound it does not exceed", () => {
  const histogram = new Histogram([1, 2, 5]);
  for (const value of [0, 1, 1.5, 2, 5, 5.001, 1_000]) histogram.observe(value);
  assert.deepEqual(histogram.cumulative(), [2, 4, 5]);
  assert.equal(histogram.count, 7);
  assert.equal(histogram.sum, 1_014.501);
});

Deno.test("Histogram counts a value as often as it stands for one", () => {
  const histogram = new Histogram([1, 2]);
  histogram.observe(1.5, 256);
  histogram.observe(3, 2);
  assert.deepEqual([histogram.cumulative(), histogram.count, histogram.sum], [[0, 256], 258, 390]);
});

Deno.test("Histogram spreads the values of a range over it evenly, and knows no value above its last bound", () => {
  const histogram = new Histogram([10, 20]);
  assert.equal(histogram.quantile(0.5), undefined);
  for (let index = 0; index < 100; index++) histogram.observe(15);
  assert.equal(histogram.quantile(0), 10);
  assert.equal(histogram.quantile(0.5), 15);
  assert.equal(histogram.quantile(1), 20);
  for (let index = 0; index < 100; index++) histogram.observe(1_000);
  assert.equal(histogram.quantile(0.25), 15);
  assert.equal(histogram.quantile(0.99), 20);
});

Deno.test("Histogram refuses bounds that do not ascend", () => {
  for (const bounds of [[], [1, 1], [2, 1], [NaN], [1, Infinity]]) {
    assert.throws(() => new Histogram(bounds), {
      name: "RangeError",
      message: `Cannot count in ranges: their bounds must ascend: current value is [${bounds}]`,
    });
  }
});

Deno.test("Histogram has each quantile in the range of the value that is there in a sorted list", () => {
  const bounds = [1, 3, 10, 100];
  const values = fc.array(fc.double({ min: 0, max: 100, noNaN: true }), { minLength: 1 });
  const parts = fc.constantFrom(0.01, 0.5, 0.9, 0.99, 1);
  fc.assert(
    fc.property(values, parts, (values, part) => {
      const histogram = new Histogram(bounds);
      for (const value of values) histogram.observe(value);
      const sorted = values.toSorted((one, other) => one - other);
      const exact = sorted[Math.ceil(part * values.length) - 1];
      const range = bounds.findIndex((bound) => exact <= bound);
      const found = histogram.quantile(part)!;
      assert.ok(found <= bounds[range] && found >= (bounds[range - 1] ?? 0), `${found} for ${exact}`);
    }),
    { seed: 1, numRuns: 300 },
  );
});
