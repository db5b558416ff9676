import type { Random } from "../base/random.ts";
import { OutcomeUnknownError, StoreError } from "../base/store_errors.ts";
import type { Timers } from "./timers.ts";

/** The delay before the next attempt, in milliseconds; a random part is added. */
const pauseMs = 1_000;

/** Whether an error says that the store accepts nothing at present. */
export function isUnavailable(error: unknown): boolean {
  return error instanceof OutcomeUnknownError ||
    (error instanceof StoreError && error.code !== "store-closed");
}

/** The services that waiting needs. */
export interface RetryServices {
  readonly timers: Timers;
  readonly random: Random;
}

/**
 * Calls a function, and calls it again as long as the store is unavailable. The function must be idempotent. Rejects with
 * an error that another attempt cannot change; or with the last error of the store, if `givenUp` returns true or the
 * system has stopped.
 */
export async function retryWhileUnavailable<Result>(
  { timers, random }: RetryServices,
  act: () => Promise<Result>,
  givenUp: () => boolean,
): Promise<Result> {
  for (;;) {
    try {
      return await act();
    } catch (error) {
      if (!isUnavailable(error) || givenUp()) throw error;
      const { promise, resolve } = Promise.withResolvers<boolean>();
      const timer = timers.set(pauseMs * (1 + random.next()), () => resolve(true), () => resolve(false));
      if (!timer.waiting) resolve(false); // the system has stopped
      if (!await promise || givenUp()) throw error;
    }
  }
}
