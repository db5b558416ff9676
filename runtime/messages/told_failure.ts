import type { Failure } from "../language/failure.ts";
import type { Cancellation } from "../language/ticket.ts";

/** A failure as replies and other services are told it. An address of a user gets it without the outcome. */
export interface ToldFailure extends Failure {
  /**
   * How its request was taken back, if it was: `withdrawn` after its turn had answered "later". The code does not tell it: a
   * handler may fail with any.
   */
  readonly outcome?: "cancelled" | "withdrawn" | undefined;
}

/** The outcome of a request that was taken back; `undefined` if it ended in another way. */
export function takenBack(cancellation: Cancellation | undefined): ToldFailure["outcome"] {
  return cancellation === "cancelled" || cancellation === "withdrawn" ? cancellation : undefined;
}
