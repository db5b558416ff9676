import assert from "node:assert/strict";
import fc from "fast-check";
import { jsonText } from "../../../../adapters/http/body/json_text.ts";

class Money {
  constructor(readonly cents: number) {}
}

class Told extends Money {
  toJSON(): unknown {
    return { cents: this.cents };
  }
}

const cycle: Record<string, unknown> = {};
cycle.self = cycle;
const { proxy: revoked, revoke } = Proxy.revocable({}, {});
revoke();

for (
  const [what, value] of Object.entries({
    "a map": new Map([["a", 1]]),
    "an empty set": new Set(),
    "NaN": NaN,
    "Infinity": Infinity,
    "minus infinity": -Infinity,
    "a big integer": 1n,
    "bytes": new Uint8Array([1, 2]),
    "a buffer": new ArrayBuffer(2),
    "an invalid date": new Date(NaN),
    "a pattern": /a/,
    "an error": new Error("x"),
    "a class instance": new Money(1),
    "a promise": Promise.resolve(1),
    "a boxed number": new Number(1),
    "a function": () => 1,
    "a symbol": Symbol("a"),
    "an object with a symbol as a key": { [Symbol("a")]: 1 },
    "a hole": [1, , 2],
    "an iterator": [1].values(),
    "a cycle": cycle,
    "a Proxy that was revoked": revoked,
    "a toJSON that makes a map": { toJSON: () => new Map() },
    "a toJSON that throws": {
      toJSON() {
        throw new Error("no");
      },
    },
  })
) {
  Deno.test(`jsonText() has nothing for ${what}, wherever it stands`, () => {
    for (const around of [value, [value], { a: value }, [{ a: [value] }], { toJSON: () => ({ a: value }) }]) {
      assert.equal(jsonText(around), undefined);
    }
  });
}

Deno.test("jsonText() has nothing for undefined in an array, which would be null", () => {
  assert.equal(jsonText([undefined]), undefined);
  assert.equal(jsonText({ a: [1, undefined] }), undefined);
});

Deno.test("jsonText() accepts the conversions that JSON defines", () => {
  for (
    const [value, text] of [
      [undefined, "null"],
      [{ a: undefined, b: 1 }, '{"b":1}'],
      [-0, "0"],
      [new Date(0), '"1970-01-01T00:00:00.000Z"'],
      [{ at: [new Date(0)] }, '{"at":["1970-01-01T00:00:00.000Z"]}'],
      [new URL("https://a.b/"), '"https://a.b/"'],
      [new Told(1), '{"cents":1}'],
      [Object.assign(Object.create(null), { a: 1 }), '{"a":1}'],
      ["\ud800", '"\\ud800"'],
    ] as const
  ) assert.equal(jsonText(value), text);
});

Deno.test("jsonText() says big integers as the program has them say it", () => {
  const prototype = BigInt.prototype as { toJSON?: () => string };
  prototype.toJSON = function () {
    return String(this);
  };
  try {
    assert.equal(jsonText({ n: 1n }), '{"n":"1"}');
  } finally {
    delete prototype.toJSON;
  }
  assert.equal(jsonText({ n: 1n }), undefined);
});

Deno.test("jsonText() says each JSON value as JSON.stringify does", () => {
  fc.assert(fc.property(fc.jsonValue(), (value) => assert.equal(jsonText(value), JSON.stringify(value))));
});

Deno.test("jsonText() has JSON only for values whose every part JSON can say", () => {
  const anything = fc.anything({
    withBigInt: true,
    withDate: true,
    withMap: true,
    withSet: true,
    withTypedArray: true,
  });
  fc.assert(fc.property(anything, (value) => {
    if (jsonText(value) === undefined) return;
    JSON.stringify([value], (_key, part) => {
      assert.ok(typeof part !== "number" || Number.isFinite(part));
      assert.ok(!(part instanceof Map || part instanceof Set || ArrayBuffer.isView(part)));
      return part;
    });
  }));
});
