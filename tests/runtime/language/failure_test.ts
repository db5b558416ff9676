import assert from "node:assert/strict";
import { Failure, type InvalidPayloadError } from "@posthorn/posthorn";
import { parse } from "../../../runtime/language/parse.ts";

const what = ["Cannot accept", "cart/ada refused"] as const;
const failure = { id: "7", code: "no-money", message: "The card was refused" };

Deno.test("a failure is its id, its code and its message, and nothing else", () => {
  assert.deepEqual(parse(Failure, failure, ...what), failure);
  assert.deepEqual(parse(Failure, { ...failure, more: 5 }, ...what), failure);
});

Deno.test("a value that is not a failure is refused with the reason", () => {
  const issuesOf = (value: unknown) => {
    try {
      parse(Failure, value, ...what);
    } catch (error) {
      return (error as InvalidPayloadError).issues;
    }
  };
  for (const value of [undefined, null, "text", 5]) {
    assert.deepEqual(issuesOf(value), [{ message: "Expected an object", path: [] }]);
  }
  assert.deepEqual(issuesOf({ id: 7, code: "a" }), [
    { message: "Expected a string", path: ["id"] },
    { message: "Expected a string", path: ["message"] },
  ]);
});
