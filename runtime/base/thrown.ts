import { PosthornError, RetryableError } from "./errors.ts";

// A user's code may throw anything: `null`, a revoked Proxy, an error whose getters throw. These functions never throw,
// whatever they are given.

/** Whether a thrown value is of that class. False if it cannot even be examined. */
export function isThrown<Type>(
  error: unknown,
  type: abstract new (...args: never[]) => Type,
): error is Type {
  try {
    return error instanceof type;
  } catch {
    return false; // a Proxy that was revoked, or whose trap throws
  }
}

/** Whether a thrown value is an error of that class whose code and message can be read. */
export function isSound<Type extends PosthornError>(
  error: unknown,
  type: abstract new (...args: never[]) => Type,
): error is Type {
  if (!isThrown(error, type)) return false;
  try {
    const { code, message }: { code: unknown; message: unknown } = error;
    return typeof code === "string" && typeof message === "string";
  } catch {
    return false; // a Proxy, or a getter that throws
  }
}

/** The code of an error of this runtime; `otherwise` if it is none, or its code is no text. */
export function codeOf(error: unknown, otherwise: string): string {
  if (!isThrown(error, PosthornError)) return otherwise;
  try {
    const code: unknown = error.code;
    return typeof code === "string" ? code : otherwise;
  } catch {
    return otherwise; // a Proxy, or a getter that throws
  }
}

/** The delay of a `RetryableError`; `undefined` if it is none, or its delay is no number of at least 0. */
export function retryAfterMsOf(error: unknown): number | undefined {
  if (!isThrown(error, RetryableError)) return undefined;
  try {
    const afterMs: unknown = error.afterMs;
    return typeof afterMs === "number" && afterMs >= 0 ? afterMs : undefined;
  } catch {
    return undefined; // a Proxy, or a getter that throws
  }
}
