import { HTTPException } from "hono/http-exception";
import { errorText } from "../error_text.ts";
import { DeadLetterError } from "../errors.ts";
import { hidesSomething, problemResponse } from "./problem.ts";

/** What becomes of whatever is thrown at a request: the caller gets a problem, and `onError` what the caller is not told. */
export class Failures {
  readonly #onError: (error: unknown) => unknown;

  /** Without `onError` there is nobody else to tell: then it is a line on the console. */
  constructor(onError: ((error: unknown) => unknown) | undefined) {
    this.#onError = onError ?? print;
  }

  /** The answer. Whatever was thrown there is one, and nothing comes out of here. */
  answer(error: unknown): Response {
    if (isOf(error, HTTPException)) return error.getResponse();
    this.tell(error);
    return problemResponse(error);
  }

  /** Tells `onError`, where the caller is not told all. */
  tell(error: unknown): void {
    if (!hidesSomething(error)) return;
    const whole = isOf(error, DeadLetterError) ? error.cause ?? error : error;
    try {
      const told = this.#onError(whole);
      if (told instanceof Promise) told.catch(printFailed);
    } catch (failure) {
      printFailed(failure);
    }
  }
}

function print(error: unknown): void {
  console.error(errorText(error));
}

function printFailed(failure: unknown): void {
  console.error(`The onError of an ingress failed: ${errorText(failure)}`);
}

/** What was thrown may be a Proxy that cannot be asked what it is. */
function isOf<Kind>(error: unknown, kind: new (...args: never[]) => Kind): error is Kind {
  try {
    return error instanceof kind;
  } catch {
    return false;
  }
}
