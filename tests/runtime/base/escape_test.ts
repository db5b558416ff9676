import assert from "node:assert/strict";
import fc from "fast-check";
import { escapeControls } from "../../../runtime/base/escape.ts";

Deno.test("escapeControls() leaves text as it is, in any script", () => {
  for (const text of ["tea ☕ für 4,50 €", "日本語 العربية עברית", 'a "quoted" \\ path', "👩‍👩‍👧"]) {
    assert.equal(escapeControls(text), text);
  }
});

for (
  const [what, text, escaped] of [
    ["a new line", "a\nb\r", "a\\u000ab\\u000d"],
    ["a terminal's sequence", "\u001b]0;title\u0007", "\\u001b]0;title\\u0007"],
    ["the sequences of C1", "\u009b2J", "\\u009b2J"],
    ["NUL and DEL", "\u0000\u007f", "\\u0000\\u007f"],
    ["separators of lines", "\u2028\u2029", "\\u2028\\u2029"],
    ["what turns the direction", "\u202ea\u2066b\u200f\u061c", "\\u202ea\\u2066b\\u200f\\u061c"],
    ["half of a pair", "\ud800a", "\\ud800a"],
  ] as const
) {
  Deno.test(`escapeControls() escapes ${what}`, () => assert.equal(escapeControls(text), escaped));
}

Deno.test("escapeControls() of any text is one line, without a control character", () => {
  fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => {
    assert.doesNotMatch(escapeControls(text), /[\p{Cc}\u2028-\u202e\u2066-\u2069]/u);
  }));
});
