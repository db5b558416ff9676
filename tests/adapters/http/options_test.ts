import assert from "node:assert/strict";
import { resolveBounds } from "../../../adapters/http/options.ts";

const defaults = {
  bodyBytesMax: 1_048_576,
  depthMax: 64,
  timeoutMsMax: 30_000,
  delayMsMax: 31_536_000_000,
  surveyRepliesMax: 1_000,
  replayEventsMax: 1_000,
  replayCharactersMax: 4_194_304,
  streamsMax: 1_000,
  keepAliveMs: 15_000,
  retryMs: 2_000,
};

Deno.test("resolveBounds() fills in what is documented", () => {
  assert.deepEqual(resolveBounds({ expose: [] }), defaults);
});

for (const name of Object.keys(defaults)) {
  Deno.test(`resolveBounds() takes ${name} as it is given, and names it if it is out of bounds`, () => {
    assert.equal(new Map(Object.entries(resolveBounds({ expose: [], [name]: 7 }))).get(name), 7);
    for (const value of [0, -1, NaN]) {
      const message = new RegExp(`^Cannot use ${name}: .* current value is ${value}$`);
      assert.throws(() => resolveBounds({ expose: [], [name]: value }), { name: "RangeError", message });
    }
  });
}

Deno.test("resolveBounds() takes no retryMs that an EventSource would not understand", () => {
  for (const retryMs of [0.5, 1_500.5, Infinity]) {
    assert.throws(() => resolveBounds({ expose: [], retryMs }), { name: "RangeError", message: /retryMs/ });
  }
});
