import { requireTurnMs, requireWithin } from "../base/require.ts";

const concurrencyMax = 1_000_000;

/** How long a handler of an actor is awaited, and how many are at a time. */
export interface HandlerLimits {
  /**
   * The time limit of a handler that returns a promise, in whole milliseconds from 1 to 2,147,483,647, counted from
   * the moment at which it returns the promise. If the promise is not settled by then, `ctx.signal` aborts and the turn
   * fails with the code `turn-timeout`, as it would with an error of the handler: `retry`, `onFailure` and whoever
   * waits for the reply get it, and the actor goes on. What the abandoned handler still does has no effect within the
   * system: its context is revoked. Outside it may have an effect, also beside the next attempt: pass `ctx.signal` and
   * `ctx.id` to external services. A handler that never awaits cannot be interrupted. Without this option a handler
   * that never settles blocks its actor until the process ends.
   */
  readonly turnMs?: number;
  /**
   * The maximum number of handlers of this protocol that are awaited at a time in one process, a whole number from 1 to
   * 1,000,000. Each actor has one at a time in any case. Further actors wait until a handler settles, in the order in
   * which they came; other protocols are not affected. A handler that returns at once counts only while it runs. An
   * ask to another actor of the same protocol needs a place of its own.
   */
  readonly concurrency?: number;
}

/** Throws a `RangeError` if a limit is out of its bounds. */
export function requireHandlerLimits(protocol: string, { turnMs, concurrency }: HandlerLimits): void {
  if (turnMs !== undefined) requireTurnMs(`turnMs of ${protocol}`, turnMs);
  if (concurrency !== undefined) requireWithin(`concurrency of ${protocol}`, concurrency, 1, concurrencyMax);
}
