import assert from "node:assert/strict";
import fc from "fast-check";
import { endOf, fromSortText, isBefore, toSortText } from "../../../runtime/base/key_order.ts";

const encoder = new TextEncoder();

/** Negative if a key comes before another one in byte order, positive if after, 0 if they are equal. */
function compareBytes(key: string, other: string): number {
  const [bytes, others] = [encoder.encode(key), encoder.encode(other)];
  const at = bytes.findIndex((byte, index) => byte !== others[index]);
  return at < 0 || at >= others.length ? bytes.length - others.length : bytes[at] - others[at];
}

/** Characters at the boundaries where UTF-16 and UTF-8 order differ. */
const character = fc.constantFrom("\0", "a", "b", "\ud7ff", "\ue000", "\uffff", "\u{10000}", "\u{10ffff}");
const key = fc.oneof(
  fc.array(character, { maxLength: 4 }).map((characters) => characters.join("")),
  fc.string({ unit: "binary", maxLength: 4 }),
);

Deno.test("isBefore and sort texts order keys as their bytes are ordered", () => {
  fc.assert(fc.property(key, key, (one, other) => {
    assert.equal(isBefore(one, other), compareBytes(one, other) < 0);
    assert.equal(toSortText(one) < toSortText(other), compareBytes(one, other) < 0);
    assert.equal(fromSortText(toSortText(one)), one);
  }));
});

Deno.test("endOf is the first key behind all that begin with a prefix", () => {
  fc.assert(fc.property(key, key, (prefix, other) => {
    const end = endOf(prefix);
    const isBehind = !other.startsWith(prefix) && compareBytes(other, prefix) > 0;
    assert.equal(end !== undefined && compareBytes(other, end) >= 0, isBehind);
  }));
});
