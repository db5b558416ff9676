import { DeadlineExceededError } from "../runtime/base/errors.ts";
import { laterAddress, LaterReply, TransientLaterReply } from "../runtime/messages/later.ts";
import type { Runtime } from "../runtime/runtime.ts";

/**
 * Withdraws a request whose turn has answered "later", unless its answer has come by then. Its reply is settled either way;
 * if its actor does not say so in time, nothing is known.
 */
export async function withdraw(runtime: Runtime, later: string): Promise<void> {
  const { protocol, key } = laterAddress(later, "open");
  const { withdraw } = protocol === LaterReply.withdraw.protocol ? LaterReply : TransientLaterReply;
  try {
    await runtime.modes.ask({ protocol, key }, withdraw, undefined, undefined);
  } catch (error) {
    if (!(error instanceof DeadlineExceededError)) throw error;
  }
}
