import { PosthornError, RetryableError } from "./errors.ts";
import { guarded } from "./guarded.ts";

// A user's code may throw anything: `null`, a revoked Proxy, an error whose getters throw. These functions never throw,
// whatever they are given.

/** Whether a thrown value is of that class. False if it cannot even be examined. */
export function isThrown<Type>(
  error: unknown,
  type: abstract new (...args: never[]) => Type,
): error is Type {
  return guarded(() => error instanceof type, false); // a Proxy may be revoked, or its trap throw
}

/** Whether a thrown value is an error of that class whose code and message can be read. */
export function isSound<Type extends PosthornError>(
  error: unknown,
  type: abstract new (...args: never[]) => Type,
): error is Type {
  return isThrown(error, type) &&
    guarded(() => typeof error.code === "string" && typeof error.message === "string", false);
}

/** The code of an error of this runtime; `otherwise` if it is none, or its code is no text. */
export function codeOf(error: unknown, otherwise: string): string {
  const code: unknown = isThrown(error, PosthornError) ? guarded(() => error.code, otherwise) : otherwise;
  return typeof code === "string" ? code : otherwise;
}

/** The delay of a `RetryableError`; `undefined` if it is none, or its delay is no number of at least 0. */
export function retryAfterMsOf(error: unknown): number | undefined {
  const afterMs: unknown = isThrown(error, RetryableError)
    ? guarded(() => error.afterMs, undefined)
    : undefined;
  return typeof afterMs === "number" && afterMs >= 0 ? afterMs : undefined;
}
