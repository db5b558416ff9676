import { withoutCredentials } from "../../../runtime/base/credentials.ts";
import { messageOf, PosthornError } from "../../../runtime/base/errors.ts";
import { guarded } from "../../../runtime/base/guarded.ts";

/** The code that the client gives an error, as RabbitMQ names it; empty if it has none. */
export function amqpCodeOf(error: unknown): string {
  const code = guarded(() => (error as { readonly code?: unknown }).code, undefined);
  return typeof code === "string" ? code : "";
}

/** Whether the broker lets this program not in: what it will not do a moment later either. */
export function isRefusal(error: unknown): boolean {
  return ["ACCESS_REFUSED", "NOT_ALLOWED", "INVALID_PATH", "another-store"].includes(amqpCodeOf(error));
}

/** What went wrong with the broker at that place, as an error of this package without a secret. */
export function faultOf(error: unknown, place: string): PosthornError {
  if (error instanceof PosthornError) return error;
  return new PosthornError("transport-unavailable", `Cannot use RabbitMQ at ${place}: ${wordsOf(error)}`);
}

/** The words of an error of the client, without a secret. */
export function wordsOf(error: unknown): string {
  const causes = guarded(() => (error as { readonly errors?: unknown }).errors, undefined);
  const words = Array.isArray(causes) && causes.length > 0 // one for each address of a host
    ? causes.map(messageOf).join(", ")
    : messageOf(error);
  return withoutCredentials(words || amqpCodeOf(error));
}
