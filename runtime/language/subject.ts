import { PosthornError } from "../base/errors.ts";
import { type OptionNames, requireKnownOptions } from "../base/option_names.ts";
import type { ListenOptions, SubscribeOptions } from "./context.ts";

const subjectLengthMax = 512;

const turnNames: OptionNames<SubscribeOptions> = { subject: true };
const listenNames: OptionNames<ListenOptions> = { subject: true, turnMs: true };

/**
 * The pattern in the options of a subscription, if they have one. Throws a `TypeError` if there is no such option: one
 * that is misspelt would subscribe to every event. Throws a `RangeError` if it is no pattern.
 */
export function givenSubject(
  of: "ctx.subscribe" | "system.subscribe",
  options: ListenOptions | undefined,
): string | undefined {
  if (options === undefined) return undefined;
  requireKnownOptions(of, options, of === "ctx.subscribe" ? turnNames : listenNames);
  if (options.subject !== undefined) parseSubjectPattern(options.subject);
  return options.subject;
}

/**
 * Splits a pattern of subjects into its tokens. Throws a `RangeError` unless every token is text without
 * white space, `*`, or (only as the last one) `>`.
 */
export function parseSubjectPattern(pattern: string): readonly string[] {
  const isText = typeof pattern === "string"; // a program that no compiler has checked may give anything
  const tokens = isText ? pattern.split(".") : [];
  const last = tokens.length - 1;
  const fits = isText && pattern.length <= subjectLengthMax &&
    tokens.every((token, index) =>
      token === "*" || (token === ">" && index === last) || /^[^\s*>]+$/.test(token)
    );
  if (fits) return tokens;
  throw new RangeError(
    `Cannot subscribe to the subject ${
      isText ? JSON.stringify(pattern.slice(0, 80)) : `of type ${typeof pattern}`
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
