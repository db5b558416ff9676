import assert from "node:assert/strict";
import fc from "fast-check";
import { shorten } from "../../../runtime/base/shorten.ts";
import { valueText } from "../../../runtime/observation/value_text.ts";

Deno.test("what JSON can hold is shown as JSON, cut where a store would cut it", () => {
  fc.assert(fc.property(fc.jsonValue({ maxDepth: 6 }), fc.integer({ min: 10, max: 300 }), (value, most) => {
    assert.equal(valueText(value, most), shorten(JSON.stringify(value), most));
  }));
});

Deno.test("numbers that JSON does not have are told from nothing", () => {
  assert.equal(valueText([NaN, Infinity, -Infinity, 1e21, null], 50), "[NaN,Infinity,-Infinity,1e+21,null]");
});

Deno.test("any value at all has a text of bounded length", () => {
  fc.assert(
    fc.property(fc.anything({ withBigInt: true, withDate: true, withMap: true, withSet: true }), (value) => {
      assert.ok(valueText(value, 50).length <= 50);
    }),
  );
  let deep: unknown = 1;
  for (let depth = 0; depth < 100_000; depth++) deep = [deep];
  assert.ok(valueText(deep, 100_000).length < 1_000);
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  assert.equal(valueText(proxy, 50), "what cannot be read");
});

Deno.test("of a large value little more is read than is shown", () => {
  let read = 0;
  const endless = new Map(Object.entries({ a: 1 }));
  endless[Symbol.iterator] = function* () {
    for (;;) yield [`${read++}`, 1] as [string, number];
  } as never;
  assert.equal(valueText(endless, 100).length, 100);
  assert.ok(read < 100);
});
