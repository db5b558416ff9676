import { PosthornError } from "./errors.ts";

/**
 * The request was taken back: it has had no effect, and will have none; or its turn had answered "later", and nobody waits
 * for that answer any more. A ticket rejects with it, and the signal of a turn that ran is aborted with it. Code
 * `cancelled`, HTTP 409.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { CancelledError } from "@posthorn/posthorn";
 *
 * assert(new CancelledError("order/ada place was cancelled").code === "cancelled");
 * ```
 */
export class CancelledError extends PosthornError {
  /** The name of this class. */
  override readonly name = "CancelledError";
  /** `withdrawn` if its turn had answered "later": that turn stands. */
  readonly outcome: "cancelled" | "withdrawn";

  /** Creates the error for a request that was taken back. */
  constructor(message: string, outcome: "cancelled" | "withdrawn" = "cancelled") {
    super("cancelled", message);
    this.outcome = outcome;
  }
}
