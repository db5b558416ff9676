import type { Clock } from "../../../runtime/base/clock.ts";
import { messageOf } from "../../../runtime/base/errors.ts";

/** How long it goes on trying beside other work. Between tries are at first 1 to 2 ms, then twice that, and so on. */
const retryForMs = 10_000;
const retryDoublings = 6;

/** Whether others hold the lock: nothing was done, and it may be tried again. */
export function isLocked(error: unknown): boolean {
  return /is locked/.test(messageOf(error));
}

/** Calls that again and again while others hold the lock, and for so long at the most; other work goes on between. */
export async function whileLocked<Result>(clock: Clock, action: () => Result, tries = 0): Promise<Result> {
  const untilMs = clock.monotonicMs() + retryForMs;
  for (;; tries++) {
    if (tries > 0) {
      // What is behind the point differs between processes, by chance: so they do not come in step.
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
