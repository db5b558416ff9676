import type { Schema } from "./schema.ts";

/**
 * The right to answer one submit, once: what `ctx.later()` gives to the handler of a submit. Plain data, so it can be kept in
 * a state, be part of a message, and be the `replyTo` of another submit. `Reply` is the reply of the submit.
 *
 * It contains a name that nobody can guess, and whoever has that name can answer. It works as long as the system's `laterMs`,
 * or the `timeoutMs` given to `ctx.later()`.
 *
 * @example
 * ```ts
 * import type { Later } from "@posthorn/posthorn";
 *
 * interface OrderState { answer?: Later<{ parcel: string }> }
 * const state: OrderState = {};
 * ```
 */
export interface Later<in Reply = never> {
  /** Opaque: it names the request, and contains the random name. */
  readonly "~later": string;
  /** Exists only for the compiler. */
  readonly "~types"?: (reply: Reply) => void;
}

/** What the text of a later contains. */
export interface LaterParts {
  /** The service that keeps the request; empty if it has no transport. */
  readonly service: string;
  /** The protocol and the operation of the request. */
  readonly protocol: string;
  readonly operation: string;
  /** The key of the built-in actor that keeps it. */
  readonly key: string;
}

const textPattern =
  /^([a-z0-9-]{0,64})\/([a-z][A-Za-z0-9]{0,63})\.([a-z][A-Za-z0-9]{0,63})\/([LU][0-9A-Za-z]{32})$/;

/** What a later contains; `undefined` if the value is none. */
export function laterParts(value: unknown): LaterParts | undefined {
  const text = textOf(value);
  const [, service, protocol, operation, key] = typeof text === "string" ? textPattern.exec(text) ?? [] : [];
  return key === undefined ? undefined : { service, protocol, operation, key };
}

function textOf(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return undefined;
  try {
    return Object.hasOwn(value, "~later") ? (value as { readonly "~later": unknown })["~later"] : undefined;
  } catch {
    return undefined; // a Proxy may throw
  }
}

/**
 * Whether a value is a {@linkcode Later}, for schemas that contain one: `z.custom<Later<Receipt>>(isLater)`,
 * `v.custom<Later<Receipt>>(isLater)`. It tells nothing about the reply, which is validated when it is given.
 *
 * @example
 * ```ts
 * import { isLater, type Later, protocol, tell } from "@posthorn/posthorn";
 * import * as z from "zod";
 *
 * const Question = z.object({ text: z.string(), answer: z.custom<Later<{ ok: boolean }>>(isLater) });
 * const Clerk = protocol("clerk", { decide: tell(Question) });
 * ```
 *
 * @param value any value
 * @returns whether it is a later
 */
export function isLater(value: unknown): value is Later {
  return laterParts(value) !== undefined;
}

/**
 * Returns the schema of a payload that is a {@linkcode Later} and nothing else.
 *
 * @example
 * ```ts
 * import { later, protocol, tell } from "@posthorn/posthorn";
 * import * as z from "zod";
 *
 * const Clerk = protocol("clerk", { decide: tell(later(z.object({ ok: z.boolean() }))) });
 * ```
 *
 * @param _reply the schema of the reply. It gives the type; the reply is validated when it is given
 * @returns a schema for an operation
 */
export function later<I, O>(_reply: Schema<I, O>): Schema<Later<I>> {
  return {
    "~standard": {
      version: 1,
      vendor: "posthorn",
      validate(value) {
        if (!isLater(value)) return { issues: [{ message: "Expected a later" }] };
        return { value: { "~later": value["~later"] } };
      },
    },
  };
}
