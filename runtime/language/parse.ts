import type { StandardSchemaV1 } from "@standard-schema/spec";
import { InvalidPayloadError, messageOf, PosthornError } from "../base/errors.ts";
import { type Issue, issuesMax } from "../base/issues.ts";
import { isThenable } from "../base/thenable.ts";
import { isSound } from "../base/thrown.ts";
import { isUnchecked, type Schema } from "./schema.ts";

/**
 * What the schema makes of `value`, or an {@linkcode InvalidPayloadError} that begins with `what` and whom it is about.
 * Without a schema only `undefined` is accepted: there is nothing to be said. A schema that throws, or that answers with a
 * promise, is a `TypeError`: zod answers so where a check of it throws.
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
      Promise.resolve(result).catch(() => {}); // the error below is the answer, whatever the check would have said
      throw new TypeError("it answers with a promise, and a schema must answer at once");
    }
    if (result.issues === undefined) return result.value;
    total = result.issues.length; // as many as the value has items; no more than the error keeps are worth the work
    issues = result.issues.slice(0, issuesMax).map(toIssue);
  } catch (error) {
    // What a schema throws may be anything. An error of this runtime is its word about the value.
    if (isSound(error, PosthornError)) throw error;
    throw new TypeError(`${what} ${about}: its schema failed: ${messageOf(error)}`, { cause: error });
  }
  throw new InvalidPayloadError(`${what} ${about}`, issues, total);
}

function toIssue(issue: StandardSchemaV1.Issue): Issue {
  const path = Array.from(issue.path ?? [], keyOf); // a library's path may be no plain list
  return { message: issue.message, path: path.filter((key) => key !== null && key !== undefined).map(toKey) };
}

/** Where an issue is. Within a map that is a key of it, which may be anything; within a set some libraries say nothing. */
function keyOf(segment: PropertyKey | StandardSchemaV1.PathSegment): unknown {
  return typeof segment === "object" ? segment.key : segment;
}

/** As text or a number, so that it can be said in JSON; an object of a stranger's may have a `toString` of its own. */
function toKey(key: unknown): string | number {
  if (typeof key === "string" || (typeof key === "number" && Number.isFinite(key))) return key;
  return typeof key === "object" || typeof key === "function" ? "[object]" : String(key);
}
