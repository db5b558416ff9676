import type { Schema } from "./schema.ts";

/**
 * The reason why a request will get no reply, as data: the payload that `failTo` receives. The schema of the
 * same name validates it, so `tell(Failure)` is an operation that accepts it.
 */
export interface Failure {
  /** The id of the request that failed. */
  id: string;
  /** The stable code of the reason. */
  code: string;
  /** The reason in words. */
  message: string;
}

/**
 * The schema of a {@linkcode Failure}.
 *
 * @example
 * ```ts
 * import { Failure, protocol, tell } from "@posthorn/posthorn";
 *
 * const Cart = protocol("cart", { paid: tell(), refused: tell(Failure) });
 * ```
 */
export const Failure: Schema<Failure> = {
  "~standard": {
    version: 1,
    vendor: "posthorn",
    validate(value) {
      if (typeof value !== "object" || value === null) return { issues: [{ message: "Expected an object" }] };
      const { id, code, message } = value as Record<keyof Failure, unknown>;
      const texts = { id, code, message };
      const issues = Object.entries(texts).filter(([, text]) => typeof text !== "string")
        .map(([key]) => ({ message: "Expected a string", path: [key] }));
      return issues.length > 0 ? { issues } : { value: texts as Failure };
    },
  },
};
