import type { Context } from "hono";
import { PosthornError, ReplyPendingError } from "../../runtime/base/errors.ts";
import type { Ticket } from "../../runtime/language/ticket.ts";
import { notStored } from "./answers.ts";
import { preferredWaitSeconds } from "./parameters.ts";
import { RequestError, retryAfterSeconds } from "./problem.ts";

/**
 * The response to a `DELETE` of a reply, which takes its request back: 200 if it is taken back, 409 if it was over before,
 * 202 if that is not decided yet, 504 if it is given up. It waits for the decision as long as the client prefers.
 */
export async function takeBack(
  context: Context,
  ticket: Ticket<unknown>,
  timeoutMsMax: number,
): Promise<Response> {
  const { id } = ticket;
  const seconds = preferredWaitSeconds(context);
  const timeoutMs = Math.min((seconds ?? 0) * 1_000, timeoutMsMax);
  const headers: Record<string, string> = { ...notStored };
  if (seconds !== undefined) headers["preference-applied"] = `wait=${Math.floor(timeoutMs / 1_000)}`;
  try {
    const outcome = await ticket.cancel({ timeoutMs });
    if (outcome === "cancelled" || outcome === "withdrawn") {
      return context.json({ id, outcome }, 200, headers);
    }
    const what = "Cannot take back the request";
    if (outcome === "given-up") {
      throw new PosthornError(outcome, `${what}: the service that handles it did not decide in time`);
    }
    throw new RequestError(409, "already-done", `${what}: it is ${outcome}`, {}, { outcome });
  } catch (error) {
    if (!(error instanceof ReplyPendingError)) throw error;
    return context.json({ id }, 202, { ...headers, "retry-after": retryAfterSeconds });
  }
}
