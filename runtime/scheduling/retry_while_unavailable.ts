import type { Random } from "../base/random.ts";
import { OutcomeUnknownError, StoreError } from "../base/store_errors.ts";
import type { Timers } from "./timers.ts";

/** How long is waited before it is tried again; a random part more. */
const pauseMs = 1_000;

/** Whether that says that the store does not take anything for now. */
export function isUnavailable(error: unknown): boolean {
  return error instanceof OutcomeUnknownError ||
    (error instanceof StoreError && error.code !== "store-closed");
}

/** What is needed to wait. */
export interface RetryServices {
  readonly timers: Timers;
  readonly random: Random;
}

/**
 * Does something, and does it again for as long as the store does not take it. It must be the same whether it is done
 * once or twice. Rejects with what another attempt cannot change; with what the store said last where `givenUp` says that
 * nobody wants it any more, or the system has stopped.
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
