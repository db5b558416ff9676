import { messageOf, PosthornError, StoppedError } from "../../base/errors.ts";
import { OutcomeUnknownError, StoreError } from "../../base/store_errors.ts";
import { isSound } from "../../base/thrown.ts";
import type { QueuedMessage } from "../rows/queued_message.ts";

/** Tells those who ask why there will be no answer. */
export function failAsks(asks: readonly QueuedMessage[], error: unknown): void {
  const failure = isSound(error, PosthornError) ? error : new PosthornError("failed", messageOf(error));
  for (const { replyTarget } of asks) replyTarget?.fail(failure);
}

/** The system has stopped: an ask had no turn. */
export function stopped(actor: { toString(): string }): StoppedError {
  return new StoppedError(`Cannot ask ${actor}: the system has stopped`);
}

/** Of an ask that had no effect, that is known, whatever became of a commit. */
export function withoutEffect(actor: { toString(): string }, error: unknown): unknown {
  if (!(error instanceof OutcomeUnknownError)) return error;
  const why = `Cannot ask ${actor}: the store did not answer`;
  return new StoreError("store-unavailable", why, { cause: error });
}
