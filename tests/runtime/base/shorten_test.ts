import assert from "node:assert/strict";
import fc from "fast-check";
import { shorten } from "../../../runtime/base/shorten.ts";

Deno.test("shorten() leaves what is short enough, and cuts what is not", () => {
  assert.equal(shorten("tea", 3), "tea");
  assert.equal(shorten("teas", 3), "te…");
  assert.equal(shorten("", 1), "");
});

Deno.test("shorten() never cuts a character in two", () => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme" }), fc.integer({ min: 1, max: 20 }), (text, unitsMax) => {
      const short = shorten(text, unitsMax);
      assert.ok(short.length <= Math.max(unitsMax, 1));
      assert.ok(short.isWellFormed());
      if (text.length > unitsMax) assert.ok(text.startsWith(short.slice(0, -1)) && short.endsWith("…"));
    }),
  );
});
