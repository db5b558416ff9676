import { withoutCredentials } from "./credentials.ts";
import { PosthornError } from "./errors.ts";

/**
 * The store did not take a commit, and nothing of it is there: try again later. Code `store-unavailable`, or
 * `store-full` where it has no room, `store-closed` where the system has closed it. HTTP 503 with `Retry-After`.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { StoreError } from "@posthorn/posthorn";
 *
 * const error = new StoreError("store-full", "Cannot commit to posthorn.db: database or disk is full");
 * assert(error.code === "store-full");
 * ```
 */
export class StoreError extends PosthornError {
  /** The name of this class. */
  override readonly name = "StoreError";

  /** Makes an error of a store that kept nothing. What a URL in its words has of credentials is left out. */
  constructor(
    code: "store-unavailable" | "store-full" | "store-closed",
    message: string,
    options?: ErrorOptions,
  ) {
    super(code, withoutCredentials(message), options);
  }
}

/**
 * Whether it took effect cannot be known: the store did not say, and what came after hides it. Its effect is none or
 * one, never more. Code `outcome-unknown`, HTTP 503 with `Retry-After`: with the same `Idempotency-Key` it can be sent
 * again without harm.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { OutcomeUnknownError } from "@posthorn/posthorn";
 *
 * const error = new OutcomeUnknownError("Cannot tell whether order/ada total took effect: the store did not answer");
 * assert(error.code === "outcome-unknown");
 * ```
 */
export class OutcomeUnknownError extends PosthornError {
  /** The name of this class. */
  override readonly name = "OutcomeUnknownError";

  /** Makes the error of a commit that may have landed. What a URL in its words has of credentials is left out. */
  constructor(message: string, options?: ErrorOptions) {
    super("outcome-unknown", withoutCredentials(message), options);
  }
}

/**
 * More than the store can commit at once. Found before anything is written. Code `too-large`, HTTP 413.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { TooLargeError } from "@posthorn/posthorn";
 *
 * const error = new TooLargeError("order/ada add", "bytes", 900_000, 800_000);
 * assert(error.message === "Cannot commit order/ada add: it takes 900000 of 800000 bytes");
 * ```
 */
export class TooLargeError extends PosthornError {
  /** The name of this class. */
  override readonly name = "TooLargeError";

  /** Makes the error of a commit of that size, against that limit. */
  constructor(what: string, unit: string, size: number, limit: number) {
    super("too-large", `Cannot commit ${what}: it takes ${size} of ${limit} ${unit}`);
  }
}

/** Whether an error is the store's, which did not take a commit or did not answer; any other is the commit's own. */
export function isOfStore(error: unknown): boolean {
  return error instanceof StoreError || error instanceof OutcomeUnknownError;
}
