import assert from "node:assert/strict";
import { valueText } from "../../../../adapters/console/parts/value_text.ts";

Deno.test("a payload is shown like JSON, with what JSON cannot hold", () => {
  assert.equal(
    valueText({ sku: "tea", cents: 450, paid: false, note: null }),
    `{
  "sku": "tea",
  "cents": 450,
  "paid": false,
  "note": null
}`,
  );
  assert.equal(valueText([1n, undefined, NaN, -0]), "[\n  1n,\n  undefined,\n  NaN,\n  0\n]");
  assert.equal(valueText(new Date(0)), "1970-01-01T00:00:00.000Z");
  assert.equal(valueText(new Date(NaN)), "Invalid Date");
  assert.equal(valueText(new Map([["a", new Set([1])]])), `Map {\n  "a" => Set {\n    1\n  }\n}`);
  assert.equal(valueText(new Uint8Array(3)), "(3 bytes)");
  assert.equal(valueText(new ArrayBuffer(4)), "(4 bytes)");
  assert.equal(valueText(new URL("https://shop.example/")), "https://shop.example/");
  assert.equal(valueText(new RangeError("no")), "RangeError: no");
  assert.equal(valueText(() => 1), "(function)");
  assert.equal(valueText(Symbol("s")), "Symbol(s)");
  assert.equal(valueText({}), "{}");
  assert.equal(valueText([]), "[]");
});

Deno.test("no more of a large payload is visited than is shown", () => {
  let visited = 0;
  const endless = {
    *[Symbol.iterator]() {
      for (;;) yield ++visited;
    },
  };
  const text = valueText(
    new Proxy(new Set(), {
      get: (set, name) => name === Symbol.iterator ? endless[Symbol.iterator] : Reflect.get(set, name),
    }),
  );
  assert.ok(text.length <= 4_001);
  assert.ok(visited < 4_000);
  assert.ok(valueText("x".repeat(10_000_000)).length <= 4_001);
  assert.ok(valueText(Array.from({ length: 1_000_000 }, () => "tea")).endsWith("…"));
});

Deno.test("a payload that contains itself, or is deep, ends", () => {
  const ring: unknown[] = [];
  ring.push(ring);
  assert.ok(valueText(ring).length < 4_001);
  let deep: unknown = 1;
  for (let level = 0; level < 100_000; level++) deep = [deep];
  assert.match(valueText(deep), /…/);
});

Deno.test("a payload whose parts throw is shown as far as it goes", () => {
  const broken = {
    good: 1,
    get bad(): never {
      throw new Error("no");
    },
  };
  assert.match(valueText(broken), /"good": 1[^]*\(cannot be shown\)$/);
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  assert.equal(valueText(proxy), " … (cannot be shown)");
});

Deno.test("nothing of a payload is called to show it", () => {
  let called = 0;
  const call = () => {
    called++;
    return "called";
  };
  valueText({ toJSON: call, toString: call, valueOf: call, [Symbol.toPrimitive]: call });
  assert.equal(called, 0);
});
