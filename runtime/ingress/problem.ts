import type { Context } from "hono";
import { InvalidPayloadError, PosthornError, TerminalError } from "../errors.ts";
import { TooLargeError } from "../store_errors.ts";

/** A request that cannot be served, and how the answer says so. */
export class RequestError extends PosthornError {
  override readonly name = "RequestError";
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    status: number,
    code: string,
    message: string,
    headers: Readonly<Record<string, string>> = {},
  ) {
    super(code, message);
    this.status = status;
    this.headers = headers;
  }
}

/** Throws the 405 that says which methods there are. */
export function refuseMethod(context: Context, allow: string): never {
  const why = `${context.req.method} is not allowed here: use ${allow}`;
  throw new RequestError(405, "method-not-allowed", why, { allow });
}

const statuses: Readonly<Record<string, number>> = {
  "invalid-payload": 400,
  "invalid-key": 400,
  "invalid-id": 400,
  "invalid-after": 400,
  "invalid-caller": 400,
  "invalid-subject": 400,
  "unknown-protocol": 404,
  "unknown-operation": 404,
  "unknown-reply": 404,
  "still-running": 409,
  "expired-reply": 410,
  "id-reused": 422,
  "mailbox-full": 429,
  "too-many-actors": 429,
  "too-many-replies": 429,
  "stopping": 503,
  "store-unavailable": 503,
  "store-full": 503,
  "store-closed": 503,
  "outcome-unknown": 503,
  "newer-state": 503,
  "not-storable": 422,
  "deadline": 504,
};

const titles: Readonly<Record<number, string>> = {
  400: "Bad Request",
  404: "Not Found",
  405: "Method Not Allowed",
  406: "Not Acceptable",
  409: "Conflict",
  410: "Gone",
  413: "Content Too Large",
  415: "Unsupported Media Type",
  422: "Unprocessable Content",
  429: "Too Many Requests",
  500: "Internal Server Error",
  503: "Service Unavailable",
  504: "Gateway Timeout",
};

/** When to come back, where nothing is known of when it will be better. */
export const retryAfterSeconds = "1";

/**
 * The answer for a failure: a problem document (RFC 9457) with a stable `code`, as the ingress gives it. For a route of
 * your own that speaks to actors. What goes wrong inside a handler is nobody's business outside: a 500 says no more
 * than its code. What is no {@linkcode PosthornError} has the code `internal`.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { MailboxFullError, problemResponse } from "@posthorn/posthorn";
 *
 * const response = problemResponse(new MailboxFullError("order/ada", 1000, 1000));
 * assert(response.status === 429 && response.headers.get("retry-after") === "1");
 * ```
 *
 * @param error what was thrown
 * @returns the response
 */
export function problemResponse(error: unknown): Response {
  const known = error instanceof PosthornError;
  const status = statusOf(error);
  const code = known ? error.code : "internal";
  const body = {
    type: `urn:posthorn:problem:${code}`,
    title: titles[status],
    status,
    code,
    ...(known && status !== 500 ? { detail: error.message } : {}),
    ...(error instanceof InvalidPayloadError ? { issues: error.issues } : {}),
  };
  const headers: Record<string, string> = { "content-type": "application/problem+json" };
  if (status === 429 || status === 503) headers["retry-after"] = retryAfterSeconds;
  if (error instanceof RequestError) Object.assign(headers, error.headers);
  return new Response(JSON.stringify(body), { status, headers });
}

function statusOf(error: unknown): number {
  if (error instanceof RequestError) return error.status;
  if (error instanceof TerminalError) return 422;
  if (error instanceof TooLargeError) return 413; // a dead letter of that code is what a turn did, not what was sent
  return error instanceof PosthornError ? statuses[error.code] ?? 500 : 500;
}
