import { PosthornError, RetryableError } from "./errors.ts";

// What a user's code throws may be anything: `null`, a revoked Proxy, an error whose getters throw. Whoever decides about
// it asks here, because each of these answers whatever it is asked about.

/** Whether something that was thrown is of that class. False where it does not even let itself be looked at. */
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

/** Whether it is an error of that class whose code and words can be read: others may look at it as it is. */
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

/** The code of an error of this runtime; `otherwise` where it is none, or has no text for a code. */
export function codeOf(error: unknown, otherwise: string): string {
  if (!isThrown(error, PosthornError)) return otherwise;
  try {
    const code: unknown = error.code;
    return typeof code === "string" ? code : otherwise;
  } catch {
    return otherwise; // a Proxy, or a getter that throws
  }
}

/** How long a `RetryableError` wants to wait; nothing where it is none, or says no number of at least 0. */
export function retryAfterMsOf(error: unknown): number | undefined {
  if (!isThrown(error, RetryableError)) return undefined;
  try {
    const afterMs: unknown = error.afterMs;
    return typeof afterMs === "number" && afterMs >= 0 ? afterMs : undefined;
  } catch {
    return undefined; // a Proxy, or a getter that throws
  }
}
