import assert from "node:assert/strict";
import { speedOf, withSpeed } from "../../bench/speed.ts";
import { resultOf, sampleResults } from "./sample.ts";

Deno.test("speedOf() begins with what is slower, by contender, and says what is not", () => {
  const { byWorkload } = sampleResults();
  const words = speedOf(sampleResults({
    byWorkload: { ...byWorkload, big: { posthorn: resultOf(1e6), go1: resultOf(2e6), go2: resultOf(9e6) } },
  }));
  assert.match(words, /^On 2026-01-31, Some & Processor.*\n\n- \*\*Slower\*\* than Go <1>: big 0\.50×\.\n/);
  assert.match(words, /in all else: nact 11\.0×, Go <1> 1\.20×\.\n/);
  assert.doesNotMatch(words, /2 threads|bare core/);
});

Deno.test("speedOf() says what actors of several types and a schema cost, if that was measured", () => {
  const none = speedOf(sampleResults());
  assert.doesNotMatch(none, /8 types|zod/);
  const { byWorkload } = sampleResults();
  const types = { posthorn: resultOf(10e6), bare: resultOf(40e6) };
  const mine = (rate: number) => ({ posthorn: resultOf(rate) });
  const words = speedOf(sampleResults({
    byWorkload: {
      ...byWorkload,
      typesBurst: types,
      typesHop: types,
      burst: mine(20e6),
      burstObject: mine(8e6),
      askObject: mine(4e6),
    },
  }));
  assert.match(words, /8 types with state\*\*.*100 ns a turn in bursts and 100 ns a hop, 0\.25× and 0\.25×/);
  assert.match(words, /zod checks\*\*: 125 ns a message in bursts instead of 50\.0, 250 ns an ask/);
});

Deno.test("speedOf() comes out whole without any result", () => {
  const words = speedOf(sampleResults({ byWorkload: {}, sections: [] }));
  assert.doesNotMatch(words, /undefined|NaN/);
  assert.match(words, /Slower\*\*: than none/);
});

Deno.test("withSpeed() replaces the words between its marks, and nothing if there are no marks", () => {
  const readme =
    "before\n\n<!-- speed: made by deno task bench -->\n\nold\n\n<!-- end of speed -->\n\nbehind\n";
  assert.equal(withSpeed(readme, "new\n"), readme.replace("old", "new"));
  assert.equal(withSpeed("no mark", "new"), "no mark");
});

Deno.test("the README has a place for what the benchmarks show", async () => {
  const readme = await Deno.readTextFile(new URL("../../README.md", import.meta.url));
  assert.notEqual(withSpeed(readme, "new"), readme);
});
