import assert from "node:assert/strict";
import { errorText } from "../../../runtime/base/error_text.ts";

Deno.test("errorText() has name, message, stack, and each cause", () => {
  const lines = errorText(new TypeError("No disk", { cause: new RangeError("Too far") })).split("\n");
  assert.equal(lines[0], "TypeError: No disk");
  assert.match(lines[1], /^ {4}at .*error_text_test\.ts/);
  assert.ok(lines.includes("Caused by: RangeError: Too far"));
});

Deno.test("errorText() lets no message begin a line or reach the terminal", () => {
  const hostile = "no\n    at forged (evil.ts:1:1)\n2030-01-01 all is well\u001b[2J";
  const lines = errorText(new Error(hostile)).split("\n");
  assert.equal(
    lines[0],
    "Error: no\\u000a    at forged (evil.ts:1:1)\\u000a2030-01-01 all is well\\u001b[2J",
  );
  for (const line of lines.slice(1)) assert.match(line, /^ {4}at (?!forged)/);
});

Deno.test("errorText() leaves out the credentials of a URL, in a cause, too", () => {
  const text = errorText(new Error("No", { cause: new Error("at https://user:word@host/") }));
  assert.match(text, /https:\/\/…@host/);
  assert.doesNotMatch(text, /word/);
  const cut = errorText(new Error(`${"x".repeat(1_970)} https://user:${"word".repeat(100)}@host/`));
  assert.doesNotMatch(cut, /word/);
});

Deno.test("errorText() is bounded, also if an error is its own cause", () => {
  const error = new Error("x".repeat(1_000_000));
  error.cause = error;
  assert.ok(errorText(error).length < 100_000);
});

Deno.test("errorText() has words for whatever was thrown", () => {
  const { proxy, revoke } = Proxy.revocable(new Error("gone"), {});
  revoke();
  assert.equal(errorText(proxy), "what was thrown cannot be looked at");
  assert.equal(errorText("a\ntext"), "a\\u000atext");
  assert.equal(errorText(null), "null");
  assert.equal(errorText(Object.create(null)), "something that has no words");
});
