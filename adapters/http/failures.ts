import { HTTPException } from "hono/http-exception";
import type { Clock } from "../../runtime/base/clock.ts";
import { errorText } from "../../runtime/base/error_text.ts";
import { DeadLetterError } from "../../runtime/base/errors.ts";
import { RateLimit } from "../../runtime/base/rate_limit.ts";
import { isThrown } from "../../runtime/base/thrown.ts";
import { describe, respond } from "./problem.ts";

/** What becomes of whatever is thrown at a request: the caller gets a problem, and `onError` what the caller is not told. */
export class Failures {
  readonly #onError: (error: unknown) => unknown;

  /** Without `onError` there is nobody else to tell: then it is printed, 20 of them a second. */
  constructor(onError: ((error: unknown) => unknown) | undefined, clock: Clock) {
    const limit = new RateLimit(clock);
    this.#onError = onError ?? ((error) => print(error, limit));
  }

  /** The answer. Whatever was thrown there is one, and nothing comes out of here. */
  answer(error: unknown): Response {
    try {
      if (isThrown(error, HTTPException)) return error.getResponse();
    } catch {
      // Its response was read before: then it is answered as whatever else goes wrong inside.
    }
    const described = describe(error);
    if (described.hidden) this.#tell(error);
    return respond(described);
  }

  /** Tells `onError`, where the caller is not told all. */
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

/** Prints an error, and how many before it were left out. */
function print(error: unknown, limit: RateLimit): void {
  if (!limit.take()) return;
  const count = limit.takeLeftOut();
  const leftOut = count === 0 ? "" : `(${count} errors before it were left out) `;
  console.error(`${leftOut}${errorText(error)}`);
}

/** What is behind a dead letter, where that can be read. */
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
