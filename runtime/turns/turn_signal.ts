import { DeadlineExceededError, PosthornError } from "../base/errors.ts";
import { guarded } from "../base/guarded.ts";
import { guardedController } from "../base/guarded_signal.ts";
import { isReplyTarget } from "../messages/envelope.ts";
import type { Turn } from "./turn.ts";

/** What ends with a turn that has a signal. */
export interface TurnSignal {
  readonly controller: AbortController;
  /** Its turn is over: it waits neither for the deadline nor for whoever asked. */
  release(): void;
}

/**
 * The signal of a turn. It is aborted at the deadline of its message, and when whoever asked has gone. Both are hints: the
 * turn may still commit. If the turn is over, or was aborted before (`abortion`), nothing is waited for.
 */
export function signalOf(
  turn: Turn,
  over: boolean,
  abortion: { readonly reason: unknown } | undefined,
): TurnSignal {
  const { services } = turn.actor;
  const controller = guardedController((error) => services.delivery.callbackFailed("signal", error));
  const { deadline, replyTo } = turn.route;
  if (abortion !== undefined) controller.abort(abortion.reason);
  if (over || abortion !== undefined) return { controller, release() {} };
  const late = () => turn.abort(new DeadlineExceededError(`${turn} did not end before its deadline`));
  const timer = deadline === undefined
    ? undefined
    : services.timers.set(Math.max(deadline.atMs - services.clock.now(), 0), late);
  const asked = isReplyTarget(replyTo) ? replyTo.asker : replyTo && services.askers.get(replyTo.key);
  const asker = guarded(() => asked?.signal, undefined);
  const gone = () => turn.abort(askerGone(turn));
  if (asker?.aborted) controller.abort(askerGone(turn));
  else asker?.addEventListener("abort", gone);
  return {
    controller,
    release() {
      timer?.cancel();
      asker?.removeEventListener("abort", gone);
    },
  };
}

function askerGone(turn: Turn): PosthornError {
  return new PosthornError("asker-gone", `${turn}: whoever asked has gone`);
}
