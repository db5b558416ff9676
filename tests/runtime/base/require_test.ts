import assert from "node:assert/strict";
import {
  requireDuration,
  requireFunction,
  requireInteger,
  requireOneOf,
} from "../../../runtime/base/require.ts";

Deno.test("a value out of bounds throws a RangeError that names the option and the value", () => {
  for (const value of [0, -1, 1.5, NaN, Infinity, 2 ** 53]) {
    assert.throws(() => requireInteger("limits.actors", value, 1), {
      name: "RangeError",
      message: `Cannot use limits.actors: it must be a whole number of at least 1: current value is ${value}`,
    });
  }
  for (const value of [1, 5, Number.MAX_SAFE_INTEGER]) requireInteger("limits.actors", value, 1);
  requireInteger("limit.restarts", 0, 0);
  for (const value of [0, -1, NaN]) {
    assert.throws(() => requireDuration("idleMs", value), {
      name: "RangeError",
      message: `Cannot use idleMs: it must be a number of milliseconds above 0: current value is ${value}`,
    });
  }
  for (const value of [0.5, 1, Infinity]) requireDuration("idleMs", value);
});

Deno.test("a value that no compiler has checked is shown as what it is", () => {
  const texts = new Map<unknown, string>([
    ["5", '"5"'], // not a number
    [undefined, "undefined"],
    [null, "null"],
    [Object.create(null), "an object"],
    [[], "an object"],
    [Symbol("five"), "Symbol(five)"],
  ]);
  for (const [value, text] of texts) {
    const error = { message: new RegExp(`: current value is ${text.replace(/[()]/g, "\\$&")}$`) };
    assert.throws(() => requireInteger("limits.actors", value as number, 1), {
      name: "RangeError",
      ...error,
    });
    assert.throws(() => requireDuration("idleMs", value as number), { name: "RangeError", ...error });
    assert.throws(() => requireOneOf("onIdle", value as string, ["keep"]), { name: "RangeError", ...error });
    assert.throws(() => requireFunction("state", value), { name: "TypeError", ...error });
  }
  requireFunction("state", () => 0);
});
