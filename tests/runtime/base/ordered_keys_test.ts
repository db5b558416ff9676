import assert from "node:assert/strict";
import fc from "fast-check";
import { OrderedKeys } from "../../../runtime/base/ordered_keys.ts";

const encoder = new TextEncoder();

function compareBytes(one: string, other: string): number {
  const [a, b] = [encoder.encode(one), encoder.encode(other)];
  const at = a.findIndex((byte, index) => byte !== b[index]);
  return at < 0 ? a.length - b.length : a[at] - (b[at] ?? -1);
}

const character = fc.constantFrom(
  "a",
  "b",
  "\u001f",
  "\u001e",
  "/",
  "ä",
  "\ud7ff",
  "\ue000",
  "\uffff",
  "𐀀",
  "😀",
  "\u{10ffff}",
);
const anyKey = fc.array(character, { maxLength: 4 }).map((characters) => characters.join(""));

Deno.test("keys are listed in the order of their bytes, whatever was added and deleted", () => {
  const change = fc.record({ key: anyKey, add: fc.boolean() });
  const range = fc.record({
    prefix: anyKey,
    after: fc.option(anyKey, { nil: undefined }),
    reverse: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(change, { maxLength: 60 }), range, (changes, { prefix, after, reverse }) => {
      const keys = new OrderedKeys();
      const model = new Set<string>();
      for (const { key, add } of changes) {
        if (add === model.has(key)) continue;
        if (add) {
          keys.add(key);
          model.add(key);
        } else {
          keys.delete(key);
          model.delete(key);
        }
      }
      const sign = reverse ? -1 : 1;
      const expected = [...model]
        .filter((key) =>
          key.startsWith(prefix) && (after === undefined || compareBytes(key, after) * sign > 0)
        )
        .sort((one, other) => compareBytes(one, other) * sign);
      assert.deepEqual([...keys.list(prefix, after, reverse)], expected);
    }),
    { numRuns: 2_000 },
  );
});

Deno.test("many keys, in and out of order, come back in order", () => {
  const count = 5_000; // several chunks
  const name = (index: number) => `k${String(index).padStart(6, "0")}`;
  const keys = new OrderedKeys();
  for (let index = 0; index < count; index++) keys.add(name(index * 7_919 % count));
  const all = Array.from({ length: count }, (_, index) => name(index));
  assert.deepEqual([...keys.list("", undefined, false)], all);
  assert.deepEqual([...keys.list("k", undefined, true)], all.toReversed());
  for (let index = 0; index < count; index++) if (index % 100 !== 0) keys.delete(name(index * 31 % count));
  const left = Array.from({ length: count / 100 }, (_, index) => name(index * 100 * 31 % count)).sort();
  assert.deepEqual([...keys.list("", undefined, false)], left);
  assert.deepEqual([...keys.list("", name(1_000), false)], left.filter((key) => key > name(1_000)));
  assert.deepEqual([...keys.list("", name(1_000), true)], left.filter((key) => key < name(1_000)).reverse());
});
