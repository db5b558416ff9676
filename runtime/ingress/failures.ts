import { HTTPException } from "hono/http-exception";
import type { Clock } from "../clock.ts";
import { errorText } from "../error_text.ts";
import { DeadLetterError } from "../errors.ts";
import { isThrown } from "../thrown.ts";
import { describe, respond } from "./problem.ts";

/** What becomes of whatever is thrown at a request: the caller gets a problem, and `onError` what the caller is not told. */
export class Failures {
  readonly #onError: (error: unknown) => unknown;

  /** Without `onError` there is nobody else to tell: then it is printed, 20 of them a second. */
  constructor(onError: ((error: unknown) => unknown) | undefined, clock: Clock) {
    const printer = new Printer(clock);
    this.#onError = onError ?? ((error) => printer.print(error));
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

const printedMax = 20;
const windowMs = 1_000;

/** Prints errors, and no more than a few within a time: strangers decide how many there are. */
class Printer {
  readonly #clock: Clock;
  #windowStartMs = -Infinity;
  #printed = 0;
  #leftOut = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  print(error: unknown): void {
    const nowMs = this.#clock.monotonicMs();
    if (nowMs - this.#windowStartMs >= windowMs) {
      this.#windowStartMs = nowMs;
      this.#printed = 0;
    }
    if (++this.#printed > printedMax) return void this.#leftOut++;
    const leftOut = this.#leftOut === 0 ? "" : `(${this.#leftOut} errors before it were left out) `;
    this.#leftOut = 0;
    console.error(`${leftOut}${errorText(error)}`);
  }
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
