// A value read from a store equals the written one, in the same order, including repeated references; or
// writing it was refused.

import assert from "node:assert/strict";
import * as fc from "fast-check";
import { type Store, systemClock } from "@posthorn/posthorn";
import { denoKv } from "@posthorn/posthorn/deno-kv";
import { memoryStore } from "@posthorn/posthorn/memory";
import { sqlite } from "@posthorn/posthorn/sqlite";
import { requireStorable } from "@posthorn/posthorn/testing";
import { decodeValue, encodeValue, fromText, toText } from "../../runtime/durable/rows/value_codec.ts";

const text = fc.oneof(
  fc.string(),
  fc.string({ unit: "binary" }),
  fc.constantFrom("\ud800", "a\udc00b", "~", ""),
);
/** Without the keys that superjson refuses. */
const name = text.filter((key) => !["__proto__", "constructor", "prototype"].includes(key));
/** Numbers that a 32-bit float can represent. */
const float = fc.float({ noNaN: true, noDefaultInfinity: true }).map((n) => Object.is(n, -0) ? 0 : n);

const leaf = fc.oneof(
  text,
  fc.integer(),
  fc.double(),
  fc.bigInt(),
  fc.boolean(),
  fc.constantFrom(undefined, null, NaN, Infinity, -Infinity, -0),
  fc.date({ noInvalidDate: true }),
  fc.constantFrom(/a\/b.(?<c>\n)/giu, new RegExp(""), /[/]\\/y).map(({ source, flags }) =>
    new RegExp(source, flags)
  ),
  fc.webUrl().map((url) => new URL(url)),
  fc.uint8Array(),
  fc.int8Array(),
  fc.uint8ClampedArray(),
  fc.int16Array(),
  fc.uint16Array(),
  fc.int32Array(),
  fc.uint32Array(),
  fc.array(float).map((numbers) => new Float32Array(numbers)),
  fc.array(float).map((numbers) => new Float64Array(numbers)),
);

/** Data made of a few parts, each of which may occur repeatedly. */
const data = fc.array(
  fc.oneof(
    leaf,
    fc.dictionary(name, leaf, { maxKeys: 3, noNullPrototype: true }),
    fc.array(leaf, { maxLength: 3 }),
  ),
  { minLength: 1, maxLength: 4 },
).chain((pieces) =>
  fc.letrec<{ node: unknown }>((tie) => ({
    node: fc.oneof(
      { maxDepth: 4, withCrossShrink: true },
      fc.constantFrom(...pieces),
      fc.array(tie("node"), { maxLength: 4 }),
      fc.dictionary(name, tie("node"), { maxKeys: 4, noNullPrototype: true }),
      fc.array(tie("node"), { maxLength: 4 }).map((parts) => new Set(parts)),
      fc.array(fc.tuple(tie("node"), tie("node")), { maxLength: 4 }).map((entries) => new Map(entries)),
    ),
  })).node
);

/** A description of a value without its identity. */
function told(value: unknown): unknown {
  if (typeof value !== "object" || value === null) {
    return [
      typeof value,
      Object.is(value, -0) ? "-0" : String(value),
      typeof value === "string" && [...value],
    ];
  }
  const kind = Object.getPrototypeOf(value)?.constructor.name;
  if (value instanceof Map) return [kind, [...value].map(([key, item]) => [told(key), told(item)])];
  if (value instanceof Set) return [kind, [...value].map(told)];
  if (value instanceof Date) return [kind, value.getTime()];
  if (value instanceof RegExp || value instanceof URL) return [kind, String(value)];
  return [kind, Object.entries(value).map(([key, item]) => [key, told(item)])];
}

Deno.test("a value that is written as text is read back equal, without shared references", () => {
  fc.assert(
    fc.property(data, (value) => {
      requireStorable(value);
      assert.deepEqual(told(fromText(toText(value))), told(value));
    }),
    { seed: 7, numRuns: 2_000 },
  );
});

const kinds: Readonly<Record<string, (folder: string) => Store>> = {
  memory: () => memoryStore(),
  sqlite: (folder) => sqlite(`${folder}/values.db`, { synchronous: "normal" }),
  denoKv: (folder) => denoKv(`${folder}/values.kv`),
};

for (const [kind, open] of Object.entries(kinds)) {
  Deno.test({
    name: `${kind}: what was committed is read as it was`,
    ignore: kind === "denoKv" && typeof Deno.openKv !== "function",
    async fn() {
      const folder = await Deno.makeTempDir({ prefix: "posthorn-values-" });
      const connection = await open(folder).open({ clock: systemClock() });
      try {
        await fc.assert(
          fc.asyncProperty(data, async (value) => {
            const stored = { key: "k", value: encodeValue({ n: 1 }, toText(value)), oldBytes: 1_000_000 };
            await connection.commit([{ checks: [], writes: [stored], removals: [] }]);
            const [read] = await connection.read(["k"]);
            const { head, text } = decodeValue<unknown>(read!.value);
            assert.deepEqual([head, told(fromText(text))], [{ n: 1 }, told(value)]);
          }),
          { seed: 7, numRuns: 100 },
        );
      } finally {
        await connection.close();
        await Deno.remove(folder, { recursive: true });
      }
    },
  });
}

Deno.test("every value that is not refused is read back equal", () => {
  const anything = fc.anything({
    withBigInt: true,
    withBoxedValues: true,
    withDate: true,
    withMap: true,
    withNullPrototype: true,
    withObjectString: true,
    withSet: true,
    withSparseArray: true,
    withTypedArray: true,
  });
  let [kept, refused] = [0, 0];
  fc.assert(
    fc.property(anything, (value) => {
      let text: string;
      try {
        text = toText(value);
      } catch (error) {
        refused++;
        assert.equal((error as { code?: unknown }).code, "not-storable");
        return;
      }
      kept++;
      assert.deepEqual(told(fromText(text)), told(value));
    }),
    { seed: 7, numRuns: 2_000 },
  );
  assert(kept > 500 && refused > 100, `${kept} kept, ${refused} refused`);
});

Deno.test("a value that only looks like plain data, or has extra properties, is refused", () => {
  const named = Object.assign([1], { name: "x" });
  named.length = 2; // as many elements and names as its length
  const odd: Readonly<Record<string, unknown>> = {
    "an array with as many names as holes": named,
    "a URL with a name": Object.assign(new URL("https://a.b/"), { name: "x" }),
    "no URL": Object.create(URL.prototype),
    "no bytes": Object.create(Uint8Array.prototype),
    "no floats": Object.create(Float64Array.prototype),
    "no date": Object.create(Date.prototype),
    "no map": Object.create(Map.prototype),
    "a constructor beside a date": { at: new Date(0), words: { constructor: 1 } },
    "a prototype that is a date": { prototype: new Date(0) },
  };
  for (const [what, value] of Object.entries(odd)) {
    assert.throws(() => requireStorable(value), { code: "not-storable" }, what);
    assert.throws(() => toText(value), { code: "not-storable" }, what);
  }
  assert.throws(() => requireStorable(odd["a constructor beside a date"]), {
    message: /words\.constructor$/,
  });
  requireStorable({ constructor: 1, prototype: [2] }); // JSON represents it completely
});
