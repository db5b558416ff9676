import assert from "node:assert/strict";
import { SuperJSON } from "superjson";
import { superjsonText } from "../../../../adapters/http/body/superjson_text.ts";

class Money {
  constructor(readonly cents: number) {}
}

const cycle: Record<string, unknown> = {};
cycle.self = cycle;
const day = new Date(0);
const other = new Date(1);

for (
  const [what, value] of Object.entries({
    "a class instance": new Money(1),
    "a promise": Promise.resolve(1),
    "a function": () => 1,
    "a symbol": Symbol("a"),
    "an object with a symbol as a key": { [Symbol("a")]: 1 },
    "a buffer": new ArrayBuffer(2),
    "a view of one": new DataView(new ArrayBuffer(2)),
    "big integers in bytes": new BigInt64Array([1n]),
    "bytes that are no numbers": new Float32Array([NaN, Infinity]),
    "bytes with a -0": new Float64Array([-0]),
    "bytes of a kind that superjson does not know": new (class Pixels extends Uint8Array {})(2),
    "an array with holes": Array(2),
    "an array with names": Object.assign([1], { total: 1 }),
    "what a pattern found": "tea".match(/e/),
    "a cycle": cycle,
    "a weak map": new WeakMap(),
    "a refused key": { constructor: 1 },
  })
) {
  Deno.test(`superjsonText() has nothing for ${what}, wherever it stands`, async () => {
    for (
      const around of [
        value,
        [value],
        { a: value },
        new Set([value]),
        new Map([["a", value]]),
        new Map([[value, 1]]),
      ]
    ) {
      assert.equal(await superjsonText(around), undefined);
    }
  });
}

for (
  const [what, value] of Object.entries({
    "a shared date in a set": { first: day, days: new Set([day, other]), last: other },
    "a shared object as a key": { a: cycle.none, by: new Map([[day, 1], [other, 2]]), day, other },
    "NaN as a key": { low: NaN, by: new Map([[NaN, 1]]) },
    "one list in two places": ((list) => ({ a: list, b: [list, list] }))([1n, undefined]),
    "numbers at their ends": [NaN, Infinity, -Infinity, -0, 1n, undefined],
    "bytes, patterns, addresses": [new Uint8Array([1]), /a+/g, new URL("https://a.b/")],
    "nothing": undefined,
  })
) {
  Deno.test(`superjsonText() says ${what} so that it comes back equal`, async () => {
    assert.deepEqual(new SuperJSON().parse((await superjsonText(value))!), value);
  });
}

Deno.test("superjsonText() says name, message and cause of an error", async () => {
  const back = new SuperJSON().parse<Error>((await superjsonText(new TypeError("no", { cause: 1n })))!);
  assert.deepEqual([back.name, back.message, back.cause], ["TypeError", "no", 1n]);
});
