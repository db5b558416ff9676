import { HTTPException } from "hono/http-exception";
import type { Clock } from "../../runtime/base/clock.ts";
import { errorText } from "../../runtime/base/error_text.ts";
import { DeadLetterError } from "../../runtime/base/errors.ts";
import { RateLimit } from "../../runtime/base/rate_limit.ts";
import { isThrown } from "../../runtime/base/thrown.ts";
import { describe, respond } from "./problem.ts";

/**
 * Handles every error of a request: the client gets a problem document, and `onError` gets errors whose
 * details the client does not get.
 */
export class Failures {
  readonly #onError: (error: unknown) => unknown;

  /** Without `onError`, errors are printed, at most 20 in a second. */
  constructor(onError: ((error: unknown) => unknown) | undefined, clock: Clock) {
    const limit = new RateLimit(clock);
    this.#onError = onError ?? ((error) => print(error, limit));
  }

  /** The response to any thrown value. Never throws. */
  answer(error: unknown): Response {
    try {
      if (isThrown(error, HTTPException)) return error.getResponse();
    } catch {
      // Its response was already used, so it is handled like any other internal error.
    }
    const described = describe(error);
    if (described.hidden) this.#tell(error);
    return respond(described);
  }

  /** Calls `onError` if the client does not get all details. */
  tell(error: unknown): void {
    if (describe(error).hidden) this.#tell(error);
  }

  #tell(error: unknown): void {
    try {
      const told = this.#onError(wholeOf(error));
      if (told instanceof Promise) told.catch(printFailed);
    } catch (failure) {
      printFailed(failure);
    }
  }
}

/** Prints an error, with the number of errors left out before it. */
function print(error: unknown, limit: RateLimit): void {
  if (!limit.take()) return;
  const count = limit.takeLeftOut();
  const leftOut = count === 0 ? "" : `(${count} errors before it were left out) `;
  console.error(`${leftOut}${errorText(error)}`);
}

/** The cause of a dead letter if it can be read, else the error itself. */
function wholeOf(error: unknown): unknown {
  try {
    return isThrown(error, DeadLetterError) ? error.cause ?? error : error;
  } catch {
    return error;
  }
}

function printFailed(failure: unknown): void {
  console.error(`The onError of an ingress failed: ${errorText(failure)}`);
}
