import assert from "node:assert/strict";
import { chartOf } from "../../bench/chart.ts";
import type { Entry, Result } from "../../bench/results.ts";
import { workloads } from "../../bench/workloads.ts";
import { resultOf, sampleResults } from "./sample.ts";

const chart = chartOf(sampleResults());

/** Fails unless every tag is closed, every attribute is quoted, and every special character is escaped. */
function assertWellFormed(xml: string): void {
  const open: string[] = [];
  const tag = /<(\/?)([a-zA-Z]+)((?:\s+[a-zA-Z:-]+="[^"<]*")*)\s*(\/?)>/g;
  const between = xml.replace(tag, (_, closing: string, name: string, _attributes: string, empty: string) => {
    if (closing !== "") assert.equal(open.pop(), name);
    else if (empty === "") open.push(name);
    return "";
  });
  assert.deepEqual(open, []);
  assert.doesNotMatch(between, /<|&(?!(amp|lt|gt);)/);
}

Deno.test("chartOf() draws well-formed XML, whatever stands in a label", () => {
  assertWellFormed(chart);
  assert.ok(chart.includes("Go &lt;1&gt;"));
  assert.throws(() => assertWellFormed("<a><b></a></b>"));
  assert.throws(() => assertWellFormed("<a>&</a>"));
});

Deno.test("chartOf() can be read by a screen reader, in both themes, and needs no file beside it", () => {
  assert.match(chart, /role="img"[^]*<title id="title">[^]*<desc id="description">count: 11\.0 M\/s/);
  assert.ok(chart.includes("prefers-color-scheme:dark"));
  assert.doesNotMatch(chart.replace("http://www.w3.org/2000/svg", ""), /https?:|url\(|@import|@font-face/);
});

Deno.test("chartOf() puts Posthorn first, and names contenders without a result", () => {
  const [, panel] = chart.split(">fork-join create<");
  assert.ok(panel.indexOf("Posthorn") < panel.indexOf("nact"));
  assert.ok(panel.includes("no result"));
});

Deno.test("chartOf() leaves out what only Posthorn has: there is nothing beside it", () => {
  const { byWorkload } = sampleResults();
  const alone = chartOf(
    sampleResults({ byWorkload: { ...byWorkload, survey: { posthorn: resultOf(1e6) } } }),
  );
  assert.ok(!alone.includes("survey of 100"));
  assertWellFormed(chartOf(sampleResults({ byWorkload: {} })));
});

Deno.test("chartOf() takes less than 60 KB with every workload and seventeen contenders, and no mark leaves the picture", () => {
  const entries = Array.from({ length: 17 }, (_, index): Entry => ({
    id: index === 0 ? "posthorn" : `peer${index}`,
    label: `A contender number ${index}`,
    form: "",
    kind: index === 0 ? "ours" : "peer",
    cores: 1,
    version: "",
  }));
  const row = Object.fromEntries(
    entries.map((
      { id },
      index,
    ): [string, Result] => [id, resultOf(10 ** (3 + index / 3), 10 ** (4 + index / 3))]),
  );
  const byWorkload = Object.fromEntries(workloads.map(({ id }) => [id, row]));
  const large = chartOf(sampleResults({ entries, byWorkload }));
  assert.ok(large.length < 60_000, `${large.length} bytes`);
  const [, width, height] = /viewBox="0 0 (\d+) (\d+)"/.exec(large)!.map(Number);
  for (const [, x, y] of large.matchAll(/translate\((\d+) (\d+)\)/g)) {
    assert.ok(Number(x) + 296 <= width);
    assert.ok(Number(y) < height);
  }
  for (const [, x] of large.matchAll(/cx="([\d.]+)"/g)) assert.ok(Number(x) >= 138 && Number(x) <= 242, x);
});
