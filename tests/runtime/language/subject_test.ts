import assert from "node:assert/strict";
import fc from "fast-check";
import { matchesSubject, parseSubjectPattern, requireSubject } from "../../../runtime/language/subject.ts";

const matches = (pattern: string, subject: string) =>
  matchesSubject(parseSubjectPattern(pattern), subject.split("."));

/** The meaning of a pattern, implemented differently from the product. */
function modelOf(pattern: string): RegExp {
  const escape = (text: string) => text.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");
  const tokens = pattern.split(".").map((token, index, all) => {
    if (token === "*") return "[^.]*";
    return token === ">" && index === all.length - 1 ? "[^]*" : escape(token);
  });
  return new RegExp(`^${tokens.join("\\.")}$`);
}

const word = fc.stringMatching(/^[a-b|\\+($]{1,2}$/);
const pattern = fc.tuple(
  fc.array(fc.oneof(word, fc.constant("*")), { maxLength: 3 }),
  fc.oneof(word, fc.constantFrom("*", ">")),
)
  .map(([tokens, last]) => [...tokens, last].join("."));
const subject = fc.array(
  fc.oneof({ weight: 4, arbitrary: word }, { weight: 1, arbitrary: fc.constant("") }),
  { maxLength: 4 },
)
  .map((tokens) => tokens.join("."));

Deno.test("a subject fits a pattern as a regular expression says it should", () => {
  fc.assert(
    fc.property(pattern, subject, (pattern, subject) => {
      assert.equal(matches(pattern, subject), modelOf(pattern).test(subject), `${pattern} on ${subject}`);
    }),
    { numRuns: 3_000 },
  );
});

Deno.test("a subject made from a pattern fits it", () => {
  const filled = pattern.chain((pattern) =>
    fc.record({ pattern: fc.constant(pattern), word, rest: fc.array(word, { minLength: 1, maxLength: 3 }) })
  );
  fc.assert(fc.property(filled, ({ pattern, word, rest }) => {
    const tokens = pattern.split(".").map((token) =>
      token === "*" ? word : token === ">" ? rest.join(".") : token
    );
    assert.ok(matches(pattern, tokens.join(".")));
  }));
});

Deno.test("a star is one token, an arrow at the end one or more", () => {
  const cases: readonly (readonly [pattern: string, fits: string, not: string])[] = [
    ["de.berlin", "de.berlin", "de.berlin.mitte"],
    ["de.*", "de.berlin", "de"],
    ["de.*", "de.bonn", "de.berlin.mitte"],
    ["*.berlin", "us.berlin", "berlin"],
    ["de.>", "de.berlin.mitte", "de"],
    [">", "de", "never"],
    ["*.*.>", "a.b.c.d", "a.b"],
    ["de.", "de.", "de"],
  ].filter(([pattern]) => pattern !== "de.") as [string, string, string][];
  for (const [pattern, fits, not] of cases) {
    assert.ok(matches(pattern, fits), `${pattern} on ${fits}`);
    if (pattern !== ">") assert.ok(!matches(pattern, not), `${pattern} on ${not}`);
  }
});

Deno.test("an invalid pattern is a RangeError that says what is valid", () => {
  for (
    const bad of [
      "",
      ".",
      "a.",
      ".a",
      "a..b",
      "a b",
      "a\n",
      ">.a",
      "a.>.b",
      "a*",
      "*a",
      "a>",
      "**",
      "x".repeat(513),
    ]
  ) {
    assert.throws(() => parseSubjectPattern(bad), {
      name: "RangeError",
      message:
        `Cannot subscribe to the subject ${
          JSON.stringify(bad.slice(0, 80))
        }: it must be tokens between dots, ` +
        "* for any one token, > at the end for one or more, at most 512 characters",
    });
  }
  assert.deepEqual(parseSubjectPattern("de.*.ä-1_2"), ["de", "*", "ä-1_2"]);
  assert.equal(parseSubjectPattern("x".repeat(512)).length, 1);
});

Deno.test("a subject has at most 512 characters", () => {
  for (const subject of ["", "x".repeat(512), "any text at all"]) {
    assert.equal(requireSubject(subject), subject);
  }
  assert.throws(() => requireSubject("x".repeat(513)), {
    code: "invalid-subject",
    message:
      "Cannot publish under this subject: it must be text of at most 512 characters: current length is 513",
  });
  assert.throws(() => requireSubject(undefined as never), { code: "invalid-subject" });
});
