import { PosthornError } from "../base/errors.ts";

const subjectLengthMax = 512;

/**
 * Splits a pattern of subjects into its tokens. Throws a `RangeError` unless every token is text without
 * white space, `*`, or (only as the last one) `>`.
 */
export function parseSubjectPattern(pattern: string): readonly string[] {
  const tokens = pattern.split(".");
  const last = tokens.length - 1;
  const fits = pattern.length <= subjectLengthMax &&
    tokens.every((token, index) =>
      token === "*" || (token === ">" && index === last) || /^[^\s*>]+$/.test(token)
    );
  if (fits) return tokens;
  throw new RangeError(
    `Cannot subscribe to the subject ${
      JSON.stringify(pattern.slice(0, 80))
    }: it must be tokens between dots, * for ` +
      `any one token, > at the end for one or more, at most ${subjectLengthMax} characters`,
  );
}

/**
 * Returns the subject. Throws a `PosthornError` (`invalid-subject`) if it is not text or exceeds 512
 * characters, the maximum length of a pattern.
 */
export function requireSubject(subject: string): string {
  if (typeof subject === "string" && subject.length <= subjectLengthMax) return subject;
  throw new PosthornError(
    "invalid-subject",
    `Cannot publish under this subject: it must be text of at most ${subjectLengthMax} characters: ` +
      `current length is ${String(subject).length}`,
  );
}

/** Whether the tokens of a subject match a pattern: `*` matches one token, `>` at the end one or more. */
export function matchesSubject(pattern: readonly string[], tokens: readonly string[]): boolean {
  for (let index = 0; index < pattern.length; index++) {
    if (index >= tokens.length) return false;
    if (pattern[index] === ">") return true;
    if (pattern[index] !== "*" && pattern[index] !== tokens[index]) return false;
  }
  return pattern.length === tokens.length;
}
