import type { Clock } from "../../../runtime/base/clock.ts";
import { messageOf } from "../../../runtime/base/errors.ts";

/**
 * How long to retry while other work continues, in milliseconds. The delay before the first retry is 1 to 2
 * ms and doubles with each retry.
 */
const retryForMs = 10_000;
const retryDoublings = 6;

/** Whether another connection holds the lock. Then nothing was done, and the call can be retried. */
export function isLocked(error: unknown): boolean {
  return /is locked/.test(messageOf(error));
}

/**
 * Retries an action while another connection holds the lock, for at most 10 s. Other work continues between
 * the attempts.
 */
export async function whileLocked<Result>(clock: Clock, action: () => Result, tries = 0): Promise<Result> {
  const untilMs = clock.monotonicMs() + retryForMs;
  for (;; tries++) {
    if (tries > 0) {
      // Jitter: the fraction of the clock differs between processes, so that they do not retry in step.
      const chance = clock.monotonicMs() * 1_000 % 1;
      const waitMs = (1 + chance) * 2 ** Math.min(tries - 1, retryDoublings);
      await new Promise<void>((resolve) => void clock.setTimer(waitMs, resolve));
    }
    try {
      return action();
    } catch (error) {
      if (!isLocked(error) || clock.monotonicMs() >= untilMs) throw error;
    }
  }
}
