import assert from "node:assert/strict";
import * as fc from "fast-check";
import {
  decodeValue,
  encodeValue,
  fromText,
  requireText,
  toText,
  ValueEncoder,
} from "../../../../runtime/durable/rows/value_codec.ts";

const inside: readonly [where: string, wrap: (value: unknown) => unknown, path: string][] = [
  ["by itself", (value) => value, ""],
  ["in an object", (value) => ({ a: [{ b: value }] }), " at a.0.b"],
  ["in a map", (value) => new Map([["a", value]]), " at 1"],
  ["as a map's key", (value) => new Map([[value, 1]]), " at 0"],
  ["in a set", (value) => new Set([value]), " at 0"],
];

class Money {
  cents = 1;
}

/** Values that superjson or JSON would silently convert to something else. */
const noData: readonly [what: string, value: () => unknown][] = [
  ["a function", () => () => {}],
  ["a symbol", () => Symbol("x")],
  ["an instance of Promise", () => Promise.resolve(1)],
  ["an instance of Money", () => new Money()],
  ["an instance of Date", () => Object.assign(new Date(0), { zone: "UTC" })],
  ["an instance of Day", () => new (class Day extends Date {})(0)],
  ["an instance of Tags", () => new (class Tags extends Set {})()],
  ["an instance of List", () => (class List extends Array {}).from([1])],
  ["an instance of Error", () => new Error("no")],
  ["an instance of Number", () => Object(1)],
  ["an instance of ArrayBuffer", () => new ArrayBuffer(2)],
  ["an instance of DataView", () => new DataView(new ArrayBuffer(2))],
  ["an instance of BigInt64Array", () => new BigInt64Array(1)],
  ["an instance of Blob", () => new Blob(["a"])],
  ["an instance of Headers", () => new Headers({ a: "b" })],
  ["an instance of URLSearchParams", () => new URLSearchParams("a=b")],
  ["an instance of WeakMap", () => new WeakMap()],
  ["an instance of Response", () => new Response()],
  ["an instance of Iterator", () => [1].values()],
  ["an object without a prototype", () => Object.create(null)],
  ["an invalid date", () => new Date(NaN)],
  ["a typed array with NaN", () => new Float32Array([NaN])],
  ["a typed array with Infinity", () => new Float64Array([Infinity])],
  ["a typed array with -0", () => new Float64Array([-0])],
  ["an array with holes or names", () => Array(3)],
  ["an array with holes or names", () => "tea".match(/e/)],
  ["a symbol as a key", () => ({ [Symbol("x")]: 1 })],
  ["a regular expression in the midst of a text", () => Object.assign(/a/g, { lastIndex: 1 })],
];

for (const [where, wrap, path] of inside) {
  for (const [what, make] of noData) {
    Deno.test(`${what} ${where} is refused: it would be something else without a word`, () => {
      const message = `Cannot store a value: it ${path === "" ? "is" : "has"} ${what}${path}`;
      assert.throws(() => toText(wrap(make())), { code: "not-storable", message });
      assert.throws(() => requireText(wrap(make())), { code: "not-storable", message });
    });
  }
}

Deno.test("properties that are more than a value are refused, and the error says which", () => {
  const accessor = {
    get total() {
      return 1;
    },
  };
  const hidden = Object.defineProperty({}, "total", { value: 1, enumerable: false });
  const parent = JSON.parse('{"__proto__": 1}');
  const words: [unknown, string][] = [
    [accessor, "it has an accessor at total"],
    [hidden, "it has a property that is not enumerable at total"],
    [parent, "it has a property of that name at __proto__"],
    [{ toJSON: () => 1 }, "it has a function at toJSON"],
  ];
  for (const [value, why] of words) {
    assert.throws(() => toText(value), { code: "not-storable", message: `Cannot store a value: ${why}` });
  }
});

Deno.test("a value that throws when it is read is refused like the rest", () => {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  assert.throws(() => toText({ proxy }), { code: "not-storable" });
  assert.throws(() => toText({ at: new Date(0), constructor: 1 }), { code: "not-storable" });
});

Deno.test("a value that is nested deeper than 1,000, contains itself or has too many parts is refused", () => {
  const nested = (depth: number, core: unknown) => {
    let value = core;
    for (let level = 0; level < depth; level++) value = [value];
    return value;
  };
  for (const core of [1, undefined]) {
    assert.deepEqual(fromText(toText(nested(1_000, core))), nested(1_000, core));
    assert.throws(() => toText(nested(1_001, core)), { code: "not-storable" });
    assert.throws(() => toText(nested(100_000, core)), { code: "not-storable" });
  }
  const cycle: { self?: unknown; at: Date } = { at: new Date(0) };
  cycle.self = new Map([[cycle, [cycle]]]);
  assert.throws(() => toText(cycle), /it has something that contains itself/);
  let doubled: unknown = 1;
  for (let level = 0; level < 60; level++) doubled = [doubled, doubled];
  assert.throws(() => toText(doubled), /more than 10000000 values/);
});

Deno.test("a value once and again comes back twice, wherever it is", () => {
  const at = new Date(0);
  const back = fromText(toText({ first: at, all: new Set([at, new Date(1)]), by: new Map([[at, at]]) }));
  assert.deepEqual(back, { first: at, all: new Set([at, new Date(1)]), by: new Map([[at, at]]) });
  assert.deepEqual(fromText(toText({ low: NaN, by: new Map([[NaN, 1]]) })), {
    low: NaN,
    by: new Map([[NaN, 1]]),
  });
});

Deno.test("values that lie side by side in memory are as if each were alone, and stay so", () => {
  const text = fc.string({ unit: "binary", maxLength: 1_300, size: "max" });
  const texts = fc.array(text, { minLength: 1, maxLength: 60, size: "max" });
  fc.assert(
    fc.property(texts, (texts) => {
      const encoder = new ValueEncoder();
      const values = texts.map((text, index) => encoder.encode({ index }, text));
      const same = values.every((value, index) => {
        const { head, text } = decodeValue<{ index: number }>(value);
        const alone = encodeValue({ index }, texts[index]);
        return head.index === index && text === texts[index].toWellFormed() && value.length === alone.length;
      });
      assert.ok(same);
    }),
    { seed: 7, numRuns: 30, endOnFailure: true },
  );
});
