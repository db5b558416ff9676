import type { StandardSchemaV1 } from "@standard-schema/spec";
import { InvalidPayloadError, messageOf, PosthornError } from "../base/errors.ts";
import { type Issue, issuesMax } from "../base/issues.ts";
import { isThenable } from "../base/thenable.ts";
import { isSound } from "../base/thrown.ts";

/**
 * Any schema of a library that speaks Standard Schema (zod, valibot, arktype, …). `I` is what goes in, `O` what
 * comes out; they differ where the schema transforms or fills in a default. A schema must answer at once: one that
 * answers with a promise is refused with a `TypeError`, because waiting for it would break the order of messages.
 *
 * @example
 * ```ts
 * import type { Schema } from "@posthorn/posthorn";
 * import * as z from "zod";
 *
 * const Amount: Schema<number> = z.number().int();
 * ```
 */
export type Schema<I, O = I> = StandardSchemaV1<I, O>;

const uncheckedVendor = "posthorn.unchecked";

/**
 * A schema that accepts everything, for what needs no check at run time. An ingress refuses to expose an operation
 * with such a payload: the outside world is always checked.
 *
 * @example
 * ```ts
 * import { protocol, tell, unchecked } from "@posthorn/posthorn";
 *
 * const Log = protocol("log", { write: tell(unchecked<{ line: string }>()) });
 * ```
 *
 * @returns a schema whose input and output are `T`
 */
export function unchecked<T>(): Schema<T> {
  return {
    "~standard": { version: 1, vendor: uncheckedVendor, validate: (value) => ({ value: value as T }) },
  };
}

/** Whether a schema came from {@linkcode unchecked}. */
export function isUnchecked(schema: Schema<unknown>): boolean {
  return schema["~standard"].vendor === uncheckedVendor;
}

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
  const standard = schema["~standard"];
  if (standard.vendor === uncheckedVendor) return value;
  let issues: Issue[];
  let total: number;
  try {
    const result = standard.validate(value);
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
