import type { SendOptions } from "../runtime/address.ts";
import type { Envelope } from "../runtime/envelope.ts";
import type { Operation } from "../runtime/protocol.ts";
import type { Runtime } from "../runtime/runtime.ts";

/** What every accepted notification resolves with: one promise for all, so that awaiting it costs nothing. */
const accepted: Promise<void> = Promise.resolve();

/**
 * Notification: one envelope to one actor, and no reply. It is accepted when it is in the mailbox, so there is
 * nothing to wait for and no actor is needed; but while the event loop has its turn, so has a loop of awaited tells.
 */
export function tell(
  runtime: Runtime,
  operation: Operation,
  key: string,
  payload: unknown,
  options: SendOptions | undefined,
): Promise<void> {
  try {
    return acceptOnce(runtime, runtime.compose(operation, key, payload, { options }));
  } catch (error) {
    return Promise.reject(error);
  }
}

/** Accepts an envelope from outside, or throws; a repeat of one that was accepted changes nothing. */
export function acceptOnce(runtime: Runtime, envelope: Envelope): Promise<void> {
  if (envelope.scope === undefined) runtime.accept(envelope);
  else runtime.seen.once(envelope, () => runtime.accept(envelope));
  return runtime.scheduler.pause ?? accepted;
}
