import { messageOf, PosthornError, StoppedError } from "../../base/errors.ts";
import { OutcomeUnknownError, StoreError } from "../../base/store_errors.ts";
import { isSound } from "../../base/thrown.ts";
import type { QueuedMessage } from "../rows/queued_message.ts";

/** Rejects asks with the reason. */
export function failAsks(asks: readonly QueuedMessage[], error: unknown): void {
  const failure = isSound(error, PosthornError) ? error : new PosthornError("failed", messageOf(error));
  for (const { replyTarget } of asks) replyTarget?.fail(failure);
}

/** The error if the system stopped before the turn of an ask, or before a signal took effect. */
export function stopped(actor: { toString(): string }, what: "ask" | "erase" = "ask"): StoppedError {
  return new StoppedError(`Cannot ${what} ${actor}: the system has stopped`);
}

/** The error for an ask that had no effect: that is known, also if the outcome of a commit is not. */
export function withoutEffect(actor: { toString(): string }, error: unknown): unknown {
  if (!(error instanceof OutcomeUnknownError)) return error;
  const why = `Cannot ask ${actor}: the store did not answer`;
  return new StoreError("store-unavailable", why, { cause: error });
}
