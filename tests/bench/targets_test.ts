import assert from "node:assert/strict";
import { judge } from "../../bench/targets.ts";
import { resultOf, sampleResults } from "./sample.ts";

Deno.test("judge() names the nearest peer of one core, by the median of the ratios of each round", () => {
  const goal = judge(sampleResults()).find(({ name }) => name.startsWith("First on count"));
  assert.deepEqual(goal, {
    name: "First on count, one core each",
    met: true,
    figure: "1.20× the next, Go <1>",
  });
});

Deno.test("judge() finds a goal missed when one peer is faster", () => {
  const { byWorkload } = sampleResults();
  const faster = { ...byWorkload, count: { ...byWorkload.count, nact: resultOf(12e6, 12e6, 12e6) } };
  const goals = judge(sampleResults({ byWorkload: faster }));
  assert.deepEqual(goals.filter(({ name }) => /^First on count|nact/.test(name)).map(({ met }) => met), [
    false,
    false,
  ]);
});

Deno.test("judge() says nothing of what was not in the run", () => {
  assert.deepEqual(judge(sampleResults()).map(({ name, met }) => [name, met]), [
    ["First on count, one core each", true],
    ["First on fork-join create, one core each", true],
    ["At least 10× nact: count", true],
    ["At least 0.6× bare core: count", true],
    ["At most 200 bytes of heap for an idle actor", true],
  ]);
});

Deno.test("judge() holds a missing result of ours against us, and one of a peer against nobody", () => {
  const { byWorkload } = sampleResults();
  const without = (id: string) =>
    judge(
      sampleResults({ byWorkload: { count: { ...byWorkload.count, [id]: resultOf(null, null, null) } } }),
    );
  assert.deepEqual(without("posthorn").map(({ met }) => met), [false, false, false]);
  assert.deepEqual(without("nact").map(({ met }) => met), [true, true, true]);
  assert.deepEqual(without("bare").map(({ met }) => met), [true, true, false]);
});
