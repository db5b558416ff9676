import assert from "node:assert/strict";
import { hasCapital, inLowerCase } from "../../../runtime/base/header_names.ts";

Deno.test("headers are read by names in lower case; those that are so already are not copied", () => {
  const plain = { trace: "A", "x-own": "B" };
  assert.equal(inLowerCase(plain), plain);
  assert.deepEqual(inLowerCase({ Trace: "A", "X-Own": "B" }), plain);
  assert.deepEqual([hasCapital({}), hasCapital(plain), hasCapital({ x: "", traceParent: "" })], [
    false,
    false,
    true,
  ]);
});
