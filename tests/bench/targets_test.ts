import assert from "node:assert/strict";
import { bareTurnNs, judge } from "../../bench/targets.ts";
import { resultOf, sampleResults } from "./sample.ts";

const { byWorkload } = sampleResults();
const rates = (posthorn: number, bare: number) => ({ posthorn: resultOf(posthorn), bare: resultOf(bare) });

Deno.test("judge() has no goals for workloads that were not in the run", () => {
  assert.deepEqual(judge(sampleResults()).map(({ name, met }) => [name, met]), [
    ["At least 0.9× Go <1>: count", true],
    ["At most 200 bytes of heap for an idle actor", true],
  ]);
});

Deno.test("judge() scales a time to a bare core of 30 ns a turn, and states the measured one", () => {
  const slow = sampleResults({
    byWorkload: { typesBurst: rates(5e6, 1e9 / 60), typesHop: rates(4e6, 20e6) },
  });
  assert.equal(bareTurnNs(slow), 60);
  const goals = judge(slow).filter(({ name }) => name.includes("ns a"));
  assert.deepEqual(goals.map(({ met, figure }) => [met, figure]), [
    [false, "100 ns: 200 here, the bare core 60.0"],
    [false, "125 ns: 250 here, the bare core 60.0"],
  ]);
  const faster = sampleResults({ byWorkload: { typesBurst: rates(6e6, 1e9 / 60) } });
  assert.deepEqual(judge(faster)[0].met, true); // 167 ns are 83 there
});

Deno.test("judge() meets no goal of an absolute time if the bare core was not measured", () => {
  const alone = sampleResults({ byWorkload: { typesBurst: { posthorn: resultOf(1e9) } } });
  assert.deepEqual(judge(alone).map(({ met }) => met), [false]);
  assert.match(judge(alone)[0].figure, /the bare core was not measured/);
  assert.equal(bareTurnNs(alone), undefined);
});

Deno.test("judge() holds a ratio against its bound by the median of the ratios of each round", () => {
  const goal = judge(sampleResults()).find(({ name }) => name.includes("Go <1>"));
  assert.deepEqual(goal, { name: "At least 0.9× Go <1>: count", met: true, figure: "count 1.20×" });
  const faster = { ...byWorkload.count, go1: resultOf(20e6, 20e6, 20e6) };
  const missed = judge(sampleResults({ byWorkload: { count: faster } }));
  assert.deepEqual(missed.map(({ met, figure }) => [met, figure]), [[false, "count 0.55×"]]);
});

Deno.test("judge() asks of a lone ask, and of many at once, what a bare mailbox with a promise costs", () => {
  const asks = { askOne: rates(7.5e6, 10e6), askMany: rates(7e6, 10e6) };
  assert.deepEqual(judge(sampleResults({ byWorkload: asks })).map(({ met, figure }) => [met, figure]), [
    [true, "1.33×"],
    [false, "1.43×"],
  ]);
});

Deno.test("judge() demands that a message without payload costs no more than an unchecked one, within the noise", () => {
  const of = (empty: number) =>
    judge(sampleResults({
      byWorkload: { burst: { posthorn: resultOf(10e6) }, burstEmpty: { posthorn: resultOf(empty) } },
    })).map(({ met, figure }) => [met, figure]);
  assert.deepEqual(of(9.6e6), [[true, "1.04×"]]);
  assert.deepEqual(of(9e6), [[false, "1.11×"]]);
});

Deno.test("judge() counts a missing result of Posthorn as a missed goal, and ignores one of a peer", () => {
  const without = (id: string) =>
    judge(
      sampleResults({ byWorkload: { count: { ...byWorkload.count, [id]: resultOf(null, null, null) } } }),
    );
  assert.deepEqual(without("posthorn").map(({ met }) => met), [false]);
  assert.deepEqual(without("go1").map(({ met }) => met), [true]);
});
