import assert from "node:assert/strict";
import { goalsOf, reportOf } from "../../bench/report.ts";
import { resultOf, sampleResults } from "./sample.ts";

const text = reportOf(sampleResults());

Deno.test("reportOf() says where, when and how the figures came to be", () => {
  for (
    const part of [
      "`deno task bench --all` on 2026-01-31",
      "Some & Processor, 2 cores, 16.0 GiB",
      "Deno 2.9.6, V8 15.0",
      "nact 7.6.2",
      "ran each workload in 3 fresh processes",
      "told the fastest of these runs",
    ]
  ) assert.ok(text.includes(part), part);
});

Deno.test("reportOf() shows median, least and greatest, and the ratio of the rounds", () => {
  assert.ok(text.includes("| **Posthorn** | 11.0 M/s | 10.0 M/s | 12.0 M/s | 90.9 |"));
  assert.ok(text.includes("| bare core | 12.0 M/s | 11.0 M/s | 20.0 M/s | 83.3 | 1.00× (0.50 to 1.00) |"));
});

Deno.test("reportOf() shows why there is no result, and what else was measured", () => {
  assert.ok(text.includes("3 of 3 runs: out of memory"));
  assert.match(text, /bytes per actor[^]*\*\*Posthorn\*\*.*\| 195 \|/);
});

Deno.test("reportOf() lists the goals of the rates and of the sections, and counts those met", () => {
  assert.equal(goalsOf(sampleResults()).length, 3);
  assert.ok(text.includes("3 of 3 met."));
  assert.ok(text.includes("| A timer is at most 15 ms late | met | 3 ms |"));
  assert.ok(text.includes("## Fairness\n\nA timer was at most 3 ms late.\n"));
});

Deno.test("reportOf() says what the bare core took here, and by what times in nanoseconds are multiplied for it", () => {
  const types = { posthorn: resultOf(10e6), bare: resultOf(25e6) };
  const scaled = reportOf(
    sampleResults({ byWorkload: { ...sampleResults().byWorkload, typesBurst: types } }),
  );
  assert.match(scaled, /A turn of the bare core took 40\.0 ns here.*multiplied by 0\.75/);
  assert.match(scaled, /\| 75\.0 ns: 100 here, the bare core 40\.0 \|/);
  assert.ok(scaled.indexOf("### 8 types, bursts") < scaled.indexOf("### count"));
  assert.doesNotMatch(text, /multiplied by/); // it was not measured
});

Deno.test("reportOf() judges nothing by smoke sizes", () => {
  const smoke = sampleResults({ size: "smoke" });
  assert.deepEqual(goalsOf(smoke), []);
  assert.ok(reportOf(smoke).includes("none of these figures says anything"));
});

Deno.test("reportOf() writes tables whose rows are as wide as their heads", () => {
  const tables = text.split("\n\n").filter((block) => block.startsWith("|"));
  assert.ok(tables.length === 5);
  for (const table of tables) {
    const widths = table.trim().split("\n").map((line) => line.replaceAll("\\|", "").split("|").length);
    assert.equal(new Set(widths).size, 1, table);
  }
});
