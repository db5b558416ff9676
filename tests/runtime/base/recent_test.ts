import assert from "node:assert/strict";
import { Recent } from "../../../runtime/base/recent.ts";

function known(recent: Recent, names: string): string {
  return [...names].filter((name) => recent.has(name)).join("");
}

Deno.test("Recent knows the latest names, and lets the oldest go past its bound", () => {
  const recent = new Recent(3);
  for (const name of "abcd") recent.add(name);
  assert.equal(known(recent, "abcde"), "bcd");
});

Deno.test("Recent gives a name that comes again no second place", () => {
  const recent = new Recent(2);
  for (const name of "abbbc") recent.add(name);
  assert.equal(known(recent, "abc"), "bc");
});
