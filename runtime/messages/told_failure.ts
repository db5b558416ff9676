import type { Failure } from "../language/failure.ts";

/** A failure as replies and other services are told it. An address of a user gets it without the outcome. */
export interface ToldFailure extends Failure {
  /** `withdrawn`: its request was taken back after its turn had answered "later". */
  readonly outcome?: "withdrawn" | undefined;
}
