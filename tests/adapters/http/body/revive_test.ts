import assert from "node:assert/strict";
import { SuperJSON } from "superjson";
import { revive } from "../../../../adapters/http/body/revive.ts";

/** Serializes a value with superjson and JSON, and revives it. */
function carried(value: unknown): unknown {
  const { json, meta } = JSON.parse(new SuperJSON().stringify(value));
  return revive(json, meta?.values);
}

const values: Readonly<Record<string, unknown>> = {
  "plain JSON": { a: [1, "two", null, true] },
  "undefined alone": undefined,
  "undefined within": { a: undefined, b: [undefined, 1] },
  "dates": [new Date(0), new Date(8.64e15), new Date(-1)],
  "big integers": [0n, -5n, 2n ** 70n],
  "numbers that JSON lacks": [NaN, Infinity, -Infinity, -0],
  "maps": new Map<unknown, unknown>([["a", new Map([[1n, new Date(1)]])], [{ k: 1n }, undefined]]),
  "sets": new Set([1, "a", new Set([1n]), [new Date(2)]]),
  "empty ones": [new Map(), new Set(), [], {}],
  "typed arrays": [new Uint8Array([0, 255]), new Float64Array([0.5]), new Int16Array()],
  "addresses": new URL("https://example.org/a?b#c"),
  "keys with dots and backslashes": { "a.b": new Date(3), "c\\d": 1n, "\\.": { "..": undefined }, "": 2n },
  "keys that name types": { regexp: new Date(4), class: 1n, json: undefined, meta: new Set([1]) },
};

for (const [what, value] of Object.entries(values)) {
  Deno.test(`revive() gives back ${what}`, () => assert.deepEqual(carried(value), value));
}

Deno.test("revive() understands dots as superjson wrote them before it escaped backslashes", () => {
  const json = { "a.b": "1970-01-01T00:00:00.000Z", "c\\d": "1" };
  assert.deepEqual(revive(json, { "a\\.b": ["Date"], "c\\d": ["bigint"] }), {
    "a.b": new Date(0),
    "c\\d": 1n,
  });
});

const refused: Readonly<Record<string, readonly [json: unknown, values: unknown]>> = {
  "a pattern": ["/(a+)+$/", ["regexp"]],
  "an error": [{ message: "a", stack: "b" }, ["Error"]],
  "a class": [{}, [["class", "Date"]]],
  "a symbol": ["a", [["symbol", "a"]]],
  "a custom type": ["a", [["custom", "a"]]],
  "a type that is none": ["a", ["nothing"]],
  "a type of an object": ["a", ["constructor"]],
  "a type that is no text": ["a", [7]],
  "an array of a length": [1_500_000_000, [["typed-array", "Uint8Array"]]],
  "an array of texts": [["1"], [["typed-array", "Uint8Array"]]],
  "an array of no known type": [[1], [["typed-array", "BigInt64Array"]]],
  "an index past the end": [[1], { "4294967290": ["undefined"] }],
  "the length of an array": [[1], { length: ["undefined"] }],
  "a key that is not there": [{ a: 1 }, { b: ["undefined"] }],
  "a place within text": ["abc", { "0": ["undefined"] }],
  "a place within nothing": [null, { "0": ["undefined"] }],
  "the prototype of an array as an array": [[], { ["__proto__"]: ["set"] }],
  "the prototype": [{}, { "__proto__.polluted": ["undefined"] }],
  "the prototype of an array": [[], { "constructor.prototype.polluted": ["undefined"] }],
  "a place within what was made": [{ a: [1] }, { a: ["set"], "a.0": ["undefined"] }],
  "the same place twice": [{ "a\\b": null }, { "a\\b": ["undefined"], "a\\\\b": ["undefined"] }],
  "undefined where something is": [1, ["undefined"]],
  "a big integer that is a number": [1, ["bigint"]],
  "a big integer that is none": ["1.5", ["bigint"]],
  "a big integer of too many digits": ["9".repeat(4_097), ["bigint"]],
  "a date that is none": ["soon", ["Date"]],
  "a number that JSON has": ["7", ["number"]],
  "a map of no pairs": [[[1]], ["map"]],
  "a set of text": ["abc", ["set"]],
  "an address that is none": ["nowhere", ["URL"]],
  "annotations that are text": [{ a: 1 }, "a"],
  "annotations that are nothing": [{ a: 1 }, null],
};

for (const [what, [json, annotations]] of Object.entries(refused)) {
  Deno.test(`revive() refuses ${what}`, () => {
    assert.throws(() => revive(json, annotations), Error);
    assert.equal(Object.hasOwn(Object.prototype, "polluted"), false);
  });
}
