import type { Context } from "hono";
import {
  DeadLetterError,
  InvalidPayloadError,
  PosthornError,
  TerminalError,
} from "../../runtime/base/errors.ts";
import { shorten } from "../../runtime/base/shorten.ts";
import { isSound, isThrown } from "../../runtime/base/thrown.ts";

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

/** The status of each code. What is 500 went wrong inside: a handler, a turn, an actor that stopped. */
export const statuses: Readonly<Record<string, number>> = {
  "invalid-payload": 400,
  "invalid-address": 400,
  "invalid-key": 400,
  "invalid-id": 400,
  "invalid-after": 400,
  "invalid-caller": 400,
  "invalid-headers": 400,
  "invalid-subject": 400,
  "unknown-protocol": 404,
  "unknown-operation": 404,
  "unknown-reply": 404,
  "unknown-dead-letter": 404,
  "still-running": 409,
  "expired-reply": 410,
  "too-large": 413,
  "id-reused": 422,
  "not-storable": 422,
  "terminal": 422,
  "mailbox-full": 429,
  "too-many-actors": 429,
  "too-many-replies": 429,
  "too-many-subscribers": 429,
  "stopping": 503,
  "store-unavailable": 503,
  "store-full": 503,
  "store-closed": 503,
  "outcome-unknown": 503,
  "newer-state": 503,
  "deadline": 504,
  "failed": 500,
  "cycle": 500,
  "dropped": 500,
  "stopped": 500,
  "late-reply": 500,
  "retry": 500,
  "turn-over": 500,
  "not-transient": 500,
  "too-many-schedules": 500,
};

/** What the store says names files, hosts and variables: outside it is said in these words. */
const storeWords: Readonly<Record<string, string>> = {
  "store-unavailable": "The store does not answer now. Nothing was accepted",
  "store-full": "The store has no room. Nothing was accepted",
  "store-closed": "The store is closed. Nothing was accepted",
  "outcome-unknown":
    "The store did not say whether it took effect. Sent again with the same key it has one effect",
  "newer-state": "A newer program has written this actor: another instance answers for it",
};

const titles: Readonly<Record<number, string>> = {
  400: "Bad Request",
  403: "Forbidden",
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

/** How large a problem document is at most. */
const problemBytesMax = 4_096;
const detailUnitsMax = 1_200;
/** As many as always fit, whatever they are written as. */
const detailUnitsAlways = 300;
const codeUnitsMax = 64;

/**
 * The answer for a failure: a problem document (RFC 9457) with a stable `code`, as the ingress gives it. For a route of
 * your own that speaks to actors. What goes wrong inside a handler is nobody's business outside: a 500 says no more
 * than its code, and what a store says of itself is said in fixed words. What is no {@linkcode PosthornError} has the
 * code `internal`. A document has at most 4 KiB: the words are cut, of a schema's issues there are as many as fit, at
 * most 20, and `issuesTotal` says how many there were where that is more.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { MailboxFullError } from "@posthorn/posthorn";
 * import { problemResponse } from "@posthorn/posthorn/http";
 *
 * const response = problemResponse(new MailboxFullError("order/ada", 1000, 1000));
 * assert(response.status === 429 && response.headers.get("retry-after") === "1");
 * ```
 *
 * @param error what was thrown, whatever it is
 * @returns the response; it must not be cached
 */
export function problemResponse(error: unknown): Response {
  return respond(describe(error));
}

/** The answer that a description is. */
export function respond({ status, headers, text }: Described): Response {
  const always: Record<string, string> = {
    "content-type": "application/problem+json",
    "cache-control": "no-store",
  };
  if (status === 429 || status === 503) always["retry-after"] = retryAfterSeconds;
  return new Response(text, { status, headers: { ...always, ...headers } });
}

/** A failure as a problem document, in JSON. */
export function problemText(error: unknown): string {
  return describe(error).text;
}

/** What callers are told of a failure. */
export interface Described {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
  /** Whether it is less than there is to know: then somebody inside must hear of it. */
  readonly hidden: boolean;
}

/**
 * Whatever was thrown there is a document: what cannot be read to its end is as unknown as what is no error of this
 * runtime. Once for each failure: a Proxy may be another thing when it is looked at again.
 */
export function describe(error: unknown): Described {
  try {
    if (isSound<PosthornError>(error, PosthornError)) return describeKnown(error);
  } catch {
    // It let itself be looked at for a while, or its issues have no JSON.
  }
  return describeHidden("internal");
}

function describeHidden(code: string): Described {
  return { status: 500, headers: {}, text: JSON.stringify(headOf(500, code)), hidden: true };
}

function headOf(status: number, code: string) {
  return { type: `urn:posthorn:problem:${code}`, title: titles[status], status, code };
}

function describeKnown(known: PosthornError): Described {
  const status = statusOf(known);
  const code = shorten(known.code, codeUnitsMax);
  if (status === 500) return describeHidden(code);
  const inside = !isThrown(known, TerminalError) && Object.hasOwn(storeWords, known.code);
  const issues = isThrown(known, InvalidPayloadError) ? known : undefined;
  const text = fitting(headOf(status, code), inside ? storeWords[known.code] : known.message, issues);
  return { status, headers: isThrown(known, RequestError) ? known.headers : {}, text, hidden: inside };
}

type Issues = Pick<InvalidPayloadError, "issues" | "issuesTotal">;

/** The document with as many words and issues as there is room for. */
function fitting(head: object, words: string, found: Issues | undefined): string {
  const encoder = new TextEncoder();
  const fits = (text: string) => encoder.encode(text).length <= problemBytesMax;
  const whole = { ...head, detail: shorten(words, detailUnitsMax) };
  const body = fits(JSON.stringify(whole)) ? whole : { ...head, detail: shorten(words, detailUnitsAlways) };
  if (found === undefined) return JSON.stringify(body);
  const { issues, issuesTotal } = found;
  for (let kept = issues.length;; kept--) {
    const total = kept < issuesTotal ? { issuesTotal } : {};
    const text = JSON.stringify({ ...body, issues: issues.slice(0, kept), ...total });
    if (kept === 0 || fits(text)) return text;
  }
}

function statusOf(error: PosthornError): number {
  if (isThrown(error, RequestError)) return error.status;
  if (isThrown(error, TerminalError)) return 422;
  // A dead letter of that code is what a turn did, not what was sent.
  if (isThrown(error, DeadLetterError) && error.code === "too-large") return 500;
  return Object.hasOwn(statuses, error.code) ? statuses[error.code] : 500;
}
