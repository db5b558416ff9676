import type { StandardSchemaV1 } from "@standard-schema/spec";

/**
 * Any schema of a library that implements Standard Schema (zod, valibot, arktype, …). `I` is its input, `O`
 * its output; they differ if the schema transforms the value or fills in a default. A schema must be
 * synchronous: if it returns a promise, validation throws a `TypeError`, because waiting for it would break
 * the order of messages.
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
 * Returns a schema that accepts every value, for payloads that need no validation at run time. An ingress
 * refuses to expose an operation with such a payload, because input from outside is always validated.
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
