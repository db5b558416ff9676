import assert from "node:assert/strict";
import { requireDuration, requireInteger } from "../../../runtime/base/require.ts";

Deno.test("a value out of bounds throws a RangeError that names the option and the value", () => {
  for (const value of [0, -1, 1.5, NaN, Infinity, 2 ** 53, "5" as never]) {
    assert.throws(() => requireInteger("limits.actors", value, 1), {
      name: "RangeError",
      message: `Cannot use limits.actors: it must be a whole number of at least 1: current value is ${value}`,
    });
  }
  for (const value of [1, 5, Number.MAX_SAFE_INTEGER]) requireInteger("limits.actors", value, 1);
  requireInteger("limit.restarts", 0, 0);
  for (const value of [0, -1, NaN, "5" as never]) {
    assert.throws(() => requireDuration("idleMs", value), {
      name: "RangeError",
      message: `Cannot use idleMs: it must be a number of milliseconds above 0: current value is ${value}`,
    });
  }
  for (const value of [0.5, 1, Infinity]) requireDuration("idleMs", value);
});
