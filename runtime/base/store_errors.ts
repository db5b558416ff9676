import { withoutCredentials } from "./credentials.ts";
import { PosthornError } from "./errors.ts";

/**
 * The store did not accept a commit, and nothing of it was stored: try again later. Code `store-unavailable`;
 * `store-full` if the store has no room; `store-closed` if the system has closed it. HTTP 503 with `Retry-After`.
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
  /**
   * Whether a store that could not be opened will probably be there soon, without anybody doing anything about it: a
   * server that starts. A system then tries for 20 s before it says so.
   */
  readonly temporary: boolean;

  /** Creates the error. Credentials in URLs are removed from the message. */
  constructor(
    code: "store-unavailable" | "store-full" | "store-closed",
    message: string,
    options?: ErrorOptions & { readonly temporary?: boolean },
  ) {
    super(code, withoutCredentials(message), options);
    this.temporary = options?.temporary ?? false;
  }
}

/**
 * The store did not say whether a commit took effect, and the system could not find out. The message takes effect once
 * or not at all. To send it again is safe with the same id (`Idempotency-Key`). Code `outcome-unknown`, HTTP 503 with
 * `Retry-After`.
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

  /** Creates the error. Credentials in URLs are removed from the message. */
  constructor(message: string, options?: ErrorOptions) {
    super("outcome-unknown", withoutCredentials(message), options);
  }
}

/**
 * A message, or a turn, is larger than the store can commit at once, or than the transport can carry. Nothing was written
 * or sent. Code `too-large`, HTTP 413.
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

  /** Creates the error from the size and the limit, in the same unit; `verb` is what was not possible. */
  constructor(
    what: string,
    unit: string,
    size: number,
    limit: number,
    verb: "commit" | "send to" = "commit",
  ) {
    super("too-large", `Cannot ${verb} ${what}: it takes ${size} of ${limit} ${unit}`);
  }
}

/** Whether the cause of an error is the store, which did not accept a commit or did not answer, and not the commit. */
export function isOfStore(error: unknown): boolean {
  return error instanceof StoreError || error instanceof OutcomeUnknownError;
}
