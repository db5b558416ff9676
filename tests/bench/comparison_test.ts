import assert from "node:assert/strict";
import { comparisonOf } from "../../bench/comparison.ts";

const series = (...rates: (number | null)[]) => ({
  rates,
  reasons: rates.includes(null) ? ["TypeError: no such method"] : [],
});

Deno.test("comparisonOf() says faster or slower only if the ranges do not overlap", () => {
  const text = comparisonOf("main", [
    { title: "count", old: series(10e6, 10e6, 11e6, 11e6), now: series(20e6, 20e6, 22e6, 22e6) },
    { title: "ring", old: series(20e6, 20e6, 22e6, 22e6), now: series(10e6, 10e6, 11e6, 11e6) },
    { title: "big", old: series(10e6, 20e6, 20e6, 20e6), now: series(15e6, 25e6, 25e6, 25e6) },
  ]);
  assert.match(text, /\| count \| 10\.5 M\/s \| 21\.0 M\/s \| 2\.00× \(2\.00× to 2\.00×\) \| FASTER \|/);
  assert.match(text, /\| ring \|.*\| 0\.50× .*\| SLOWER \|/);
  assert.match(text, /\| big \|.*\| within the noise \|/);
});

Deno.test("comparisonOf() draws no conclusion from three runs each, because chance would decide too often", () => {
  const text = comparisonOf("main", [{
    title: "count",
    old: series(1e6, 1e6, 1e6),
    now: series(2e6, 2e6, 2e6),
  }]);
  assert.match(text, /2\.00×.*\| too few runs to say \|/);
});

Deno.test("comparisonOf() says plainly that the old runtime does not fit", () => {
  const text = comparisonOf("v1", [{ title: "count", old: series(null, null), now: series(1e6, 1e6) }]);
  assert.match(text, /no result .*TypeError: no such method/);
  assert.match(text, /v1 has no result in count: most likely its API is not the one/);
});
