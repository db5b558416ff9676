import type { StandardSchemaV1 } from "@standard-schema/spec";
import { InvalidPayloadError, messageOf, PosthornError } from "../base/errors.ts";
import { type Issue, issuesMax } from "../base/issues.ts";
import { isThenable } from "../base/thenable.ts";
import { isSound } from "../base/thrown.ts";
import { isUnchecked, type Schema } from "./schema.ts";

/**
 * Validates `value` and returns the output of the schema. Throws an {@linkcode InvalidPayloadError} whose
 * message begins with `what` and `about` if the value is invalid. Without a schema only `undefined` is valid.
 * Throws a `TypeError` if the schema throws or returns a promise; zod returns one if a check throws.
 */
export function parse(
  schema: Schema<unknown> | undefined,
  value: unknown,
  what: string,
  about: { toString(): string },
): unknown {
  if (schema === undefined) {
    if (value === undefined) return undefined;
    throw new InvalidPayloadError(`${what} ${about}`, [{ message: "It takes no payload", path: [] }]);
  }
  if (isUnchecked(schema)) return value;
  let issues: Issue[];
  let total: number;
  try {
    const result = schema["~standard"].validate(value);
    if (isThenable(result)) {
      Promise.resolve(result).catch(() => {}); // the result is not used: the error below reports the promise
      throw new TypeError("it answers with a promise, and a schema must answer at once");
    }
    if (result.issues === undefined) return result.value;
    // there may be one issue for each item of the value; only those that the error keeps are converted
    total = result.issues.length;
    issues = result.issues.slice(0, issuesMax).map(toIssue);
  } catch (error) {
    // A schema may throw any value. A `PosthornError` is its verdict about the value and passes unchanged.
    if (isSound(error, PosthornError)) throw error;
    throw new TypeError(`${what} ${about}: its schema failed: ${messageOf(error)}`, { cause: error });
  }
  throw new InvalidPayloadError(`${what} ${about}`, issues, total);
}

function toIssue(issue: StandardSchemaV1.Issue): Issue {
  const path = Array.from(issue.path ?? [], keyOf); // the path of a library need not be a plain array
  const message = typeof issue.message === "string" ? issue.message : "the schema gives no reason";
  return { message, path: path.filter((key) => key !== null && key !== undefined).map(toKey) };
}

/** The key of a path segment. Within a map it is a key of any type; within a set some libraries give none. */
function keyOf(segment: PropertyKey | StandardSchemaV1.PathSegment): unknown {
  return typeof segment === "object" ? segment.key : segment;
}

/**
 * The key as text or a number, so that it can be serialized as JSON. Objects are not converted, because their
 * `toString` may be user code.
 */
function toKey(key: unknown): string | number {
  if (typeof key === "string" || (typeof key === "number" && Number.isFinite(key))) return key;
  return typeof key === "object" || typeof key === "function" ? "[object]" : String(key);
}
