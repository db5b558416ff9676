import assert from "node:assert/strict";
import fc from "fast-check";
import { fingerprint } from "../../../runtime/base/fingerprint.ts";

/** The same value with the keys of every object in another order. */
function reordered(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reordered);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).toReversed().map(([key, inner]) => [key, reordered(inner)]),
  );
}

const json = fc.jsonValue({ maxDepth: 3 });

Deno.test("equal values share a fingerprint, whatever the order of their keys", () => {
  fc.assert(fc.property(json, (value) => {
    assert.equal(fingerprint(reordered(value)), fingerprint(value));
    assert.equal(fingerprint(structuredClone(value)), fingerprint(value));
  }));
});

Deno.test("different values do not share one", () => {
  const normal = (value: unknown) => JSON.stringify(reordered(reordered(value)));
  const sorted = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(sorted);
    if (typeof value !== "object" || value === null) return value;
    return Object.fromEntries(
      Object.entries(value).toSorted(([a], [b]) => a < b ? -1 : 1).map(([k, v]) => [k, sorted(v)]),
    );
  };
  fc.assert(
    fc.property(json, json, (one, other) => {
      if (normal(sorted(one)) === normal(sorted(other))) return;
      assert.notEqual(fingerprint(one), fingerprint(other));
    }),
    { numRuns: 1_000 },
  );
});

/** A list that contains itself. */
function loop(depth: number): unknown {
  const list: unknown[] = [];
  let inner: unknown[] = list;
  for (let level = 1; level < depth; level++) inner.push(inner = []);
  inner.push(list);
  return list;
}

/** A list in a list, linked to a cycle by the test. */
function withInner(tie: (inner: unknown[], outer: unknown[]) => void): unknown {
  const inner: unknown[] = [];
  const outer = [inner];
  tie(inner, outer);
  return outer;
}

function bytes(...values: number[]): Uint8Array {
  return new Uint8Array([9, ...values, 9]).subarray(1, values.length + 1);
}

Deno.test("no two of these look alike, though some nearly do", () => {
  const values: readonly unknown[] = [
    undefined,
    null,
    0,
    1,
    "1",
    1n,
    true,
    "true",
    NaN,
    "",
    [],
    {},
    [[]],
    [undefined],
    [null],
    { a: undefined },
    { a: null },
    { a: 1, b: 2 },
    { a: 2, b: 1 },
    { "a:1": 2 },
    ["a", "b"],
    ["b", "a"],
    ["ab"],
    ["a;b"],
    new Date(0),
    new Date(1),
    new Map(),
    new Map([["a", 1]]),
    new Map([["a", 2]]),
    new Map([["b", 1]]),
    new Set(),
    new Set(["a"]),
    new Set(["a", "b"]),
    new URL("https://a.example/"),
    new URL("https://b.example/"),
    /a/,
    /a/i,
    new Error("a"),
    new Error("b"),
    bytes(),
    bytes(1, 2),
    bytes(2, 1),
    bytes(12),
    new Float64Array([1]),
    loop(1),
    loop(2),
    withInner((inner, outer) => inner.push(inner, outer)),
    withInner((inner, outer) => inner.push(outer, inner)),
    { a: 1 },
    { b: 1 },
    [[1], 2],
    [[1, 2]],
  ];
  const seen = new Map<string, unknown>();
  for (const value of values) {
    const print = fingerprint(value);
    assert.ok(!seen.has(print), `${Deno.inspect(value)} and ${Deno.inspect(seen.get(print))}`);
    seen.set(print, value);
  }
});

Deno.test("values that are made twice look alike", () => {
  const makers: readonly (() => unknown)[] = [
    () => new Date(5),
    () => new Map([["a", { b: 1, c: 2 }]]),
    () => new Set([1, "a"]),
    () => new URL("https://a.example/?b"),
    () => bytes(1, 2, 3),
    () => loop(3),
    () => ({ when: new Date(5), of: [new Set(["x"])] }),
    () =>
      new (class Point {
        x = 1;
      })(),
  ];
  for (const make of makers) assert.equal(fingerprint(make()), fingerprint(make()));
});

Deno.test("bytes look alike wherever they stand in their buffer", () => {
  assert.equal(fingerprint(bytes(1, 2)), fingerprint(new Uint8Array([1, 2])));
});

Deno.test("a value that occurs twice is no cycle", () => {
  const shared = { n: 1 };
  assert.equal(fingerprint([shared, shared]), fingerprint([{ n: 1 }, { n: 1 }]));
});

Deno.test("a hundred thousand values have fingerprints of their own", () => {
  const prints = new Set(Array.from({ length: 100_000 }, (_, n) => fingerprint({ sku: "tea", cents: n })));
  assert.equal(prints.size, 100_000);
});

Deno.test("texts cannot be put together so that two are taken for one", () => {
  const pairs: readonly (readonly [unknown, unknown])[] = [
    [["a", "b"], ["a;1:1=string:b"]],
    [["a", "b"], ["a;1:1=string:1:b"]],
    [new Set(["a", "b"]), new Set(["a;string:1:b"])],
    [[new URL("https://a.b/}x")], [new URL("https://a.b/"), "x"]],
    [[new Error("a}")], [new Error("a")]],
  ];
  for (const [one, other] of pairs) assert.notEqual(fingerprint(one), fingerprint(other));
});

Deno.test("a value that cannot be read, or is nested too deep, is refused with a code", () => {
  let deep: unknown = 0;
  for (let depth = 0; depth < 100_000; depth++) deep = [deep];
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  for (const value of [deep, proxy, { inside: proxy }, Object.create(Map.prototype)]) {
    assert.throws(() => fingerprint(value), { code: "invalid-payload" });
  }
});
