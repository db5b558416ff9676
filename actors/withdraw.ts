import { DeadlineExceededError } from "../runtime/base/errors.ts";
import { withdrawalOf } from "../runtime/messages/later.ts";
import type { Runtime } from "../runtime/runtime.ts";

/** How long a caller that does not wait for others still waits: as a rule a commit of its own store is all that it takes. */
const ownMs = 1_000;

/**
 * Withdraws a request whose turn has answered "later", unless its answer has come by then. Its reply is settled either way;
 * if its actor does not say so in time, nothing is known. When `late` resolves nobody waits any more, and the actor decides
 * all the same. Without `late` its caller waits for no one else.
 */
export async function withdraw(
  runtime: Runtime,
  later: string,
  late: Promise<unknown> | undefined,
): Promise<void> {
  const { to, operation } = withdrawalOf(later);
  const decided = runtime.modes.ask(to, operation, undefined, undefined).catch((error) => {
    if (!(error instanceof DeadlineExceededError)) throw error;
  });
  decided.catch(() => {}); // it may reject when nobody waits any more
  const own = Promise.withResolvers<void>();
  const timer = late === undefined ? runtime.timers.set(ownMs, own.resolve, own.resolve) : undefined;
  try {
    await Promise.race([decided, late ?? own.promise]);
  } finally {
    timer?.cancel();
  }
}
