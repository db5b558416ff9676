import assert from "node:assert/strict";
import { BoundedSet } from "../../../runtime/base/bounded_set.ts";

function known(recent: BoundedSet, names: string): string {
  return [...names].filter((name) => recent.has(name)).join("");
}

Deno.test("BoundedSet knows the latest names, and lets the oldest go past its bound", () => {
  const recent = new BoundedSet(3);
  for (const name of "abcd") recent.add(name);
  assert.equal(known(recent, "abcde"), "bcd");
});

Deno.test("BoundedSet keeps a name that is added again once", () => {
  const recent = new BoundedSet(2);
  for (const name of "abbbc") recent.add(name);
  assert.equal(known(recent, "abc"), "bc");
});
