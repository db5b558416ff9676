import assert from "node:assert/strict";
import { PosthornError } from "@posthorn/posthorn";
import fc from "fast-check";
import { requireKey } from "../../../runtime/language/address.ts";

/** The definition of a valid key, implemented differently from the product. */
function mayName(key: string): boolean {
  const bytes = new TextEncoder().encode(key).length;
  const lone = /\p{Surrogate}/u.test(key);
  return bytes >= 1 && bytes <= 512 && !/\p{Cc}/u.test(key) && !/^\.{1,2}$/.test(key) && !lone;
}

function accepted(key: string): boolean {
  try {
    requireKey("order", key);
    return true;
  } catch (error) {
    assert.ok(error instanceof PosthornError && error.code === "invalid-key");
    assert.match(error.message, /^Cannot name an actor of order by this key: it /);
    return false;
  }
}

Deno.test("a key is accepted exactly when it may name an actor", () => {
  const key = fc.oneof(
    fc.string({ unit: "binary", maxLength: 20 }),
    fc.string({ unit: fc.constantFrom("a", "ä", "€", "😀", "\n", "\u0085", ".", "\ud800"), maxLength: 4 }),
    fc.tuple(fc.constantFrom("a", "ä", "€", "😀"), fc.integer({ min: 120, max: 520 }))
      .map(([unit, count]) => unit.repeat(count)),
  );
  fc.assert(fc.property(key, (key) => assert.equal(accepted(key), mayName(key), JSON.stringify(key))), {
    numRuns: 2_000,
  });
});

Deno.test("the bound is 512 bytes, and not 512 characters", () => {
  for (const [unit, most] of [["a", 512], ["ä", 256], ["€", 170], ["😀", 128]] as const) {
    assert.ok(accepted(unit.repeat(most)));
    assert.ok(!accepted(unit.repeat(most + 1)));
  }
});

Deno.test("a value that is not text is refused", () => {
  for (const key of [undefined, null, 5, {}, ["a"]]) assert.ok(!accepted(key as never));
});
