import type { Context } from "hono";
import {
  DeadLetterError,
  InvalidPayloadError,
  PosthornError,
  TerminalError,
} from "../../runtime/base/errors.ts";
import { shorten } from "../../runtime/base/shorten.ts";
import { isSound, isThrown } from "../../runtime/base/thrown.ts";

/** A request that cannot be served, with the status, code and headers of its response. */
export class RequestError extends PosthornError {
  override readonly name = "RequestError";
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** Further members of the problem document. */
  readonly members: Readonly<Record<string, string>>;

  constructor(
    status: number,
    code: string,
    message: string,
    headers: Readonly<Record<string, string>> = {},
    members: Readonly<Record<string, string>> = {},
  ) {
    super(code, message);
    this.status = status;
    this.headers = headers;
    this.members = members;
  }
}

/** Throws a {@linkcode RequestError} (405) that lists the allowed methods. */
export function refuseMethod(context: Context, allow: string): never {
  const why = `${context.req.method} is not allowed here: use ${allow}`;
  throw new RequestError(405, "method-not-allowed", why, { allow });
}

/**
 * The HTTP status of each code. A 500 is an internal failure: of a handler, a turn, or an actor that stopped.
 */
export const statuses: Readonly<Record<string, number>> = {
  "invalid-payload": 400,
  "invalid-address": 400,
  "invalid-key": 400,
  "invalid-id": 400,
  "invalid-after": 400,
  "invalid-caller": 400,
  "invalid-headers": 400,
  "invalid-question": 400,
  "invalid-subject": 400,
  "unknown-protocol": 404,
  "unknown-operation": 404,
  "unknown-reply": 404,
  "unknown-dead-letter": 404,
  "cancelled": 409,
  "still-running": 409,
  "expired-reply": 410,
  "too-large": 413,
  "id-reused": 422,
  "not-storable": 422,
  "terminal": 422,
  "mailbox-full": 429,
  "too-many-actors": 429,
  "too-many-replies": 429,
  "too-many-delayed": 429,
  "too-many-subscribers": 429,
  "outbox-full": 429,
  "no-receiver": 503,
  "undeliverable": 500,
  "expired": 500,
  "stopping": 503,
  "store-unavailable": 503,
  "store-full": 503,
  "store-closed": 503,
  "outcome-unknown": 503,
  "newer-state": 503,
  "unknown-format": 503,
  "transport-unavailable": 503,
  "transport-refused": 503,
  "transport-full": 503,
  "deadline": 504,
  "given-up": 504,
  "failed": 500,
  "turn-timeout": 500,
  "cycle": 500,
  "dropped": 500,
  "stopped": 500,
  "late-reply": 500,
  "already-answered": 500,
  "invalid-reply": 500,
  "unknown-content-type": 500,
  "unreadable-body": 500,
  "another-reader": 500,
  "retry": 500,
  "asker-gone": 500,
  "protocol-hosted": 500,
  "turn-over": 500,
  "not-transient": 500,
  "copy-refused": 500,
  "too-many-schedules": 500,
  "too-many-paused": 500,
  "no-transport": 500,
};

/** Public messages for errors of the store, whose own messages name files, hosts and variables. */
const storeWords: Readonly<Record<string, string>> = {
  "store-unavailable": "The store is unavailable. Nothing was accepted",
  "store-full": "The store has no room. Nothing was accepted",
  "store-closed": "The store is closed. Nothing was accepted",
  "outcome-unknown":
    "It is unknown whether the request took effect. Repeated with the same Idempotency-Key, it takes effect once",
  "unknown-format": "A newer version of the program has written the store",
  "newer-state": "A newer version of the program has written this actor: another instance handles it",
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

/** The `Retry-After` if it is unknown when a request will succeed. */
export const retryAfterSeconds = "1";

/** The maximum size of a problem document in bytes, and the maximum length of its detail in UTF-16 units. */
const problemBytesMax = 4_096;
const detailUnitsMax = 1_200;
/** A length of the detail that always fits, however it is escaped. */
const detailUnitsAlways = 300;
const codeUnitsMax = 64;

/**
 * Creates the response for a failure: a problem document (RFC 9457) with a stable `code`, as the ingress
 * sends it. Use it in routes of your own that send to actors. Internal details are not exposed: a 500
 * contains only its code, and errors of a store have fixed messages. An error that is not a
 * {@linkcode PosthornError} has the code `internal`. A document has at most 4 KiB: its message is cut, and it
 * contains as many issues of a schema as fit, at most 20; if there were more, `issuesTotal` is their number.
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
 * @param error the value that was thrown, of any type
 * @returns the response; it must not be cached
 */
export function problemResponse(error: unknown): Response {
  return respond(describe(error));
}

/** Creates the response of a description. */
export function respond({ status, headers, text }: Described): Response {
  const always: Record<string, string> = {
    "content-type": "application/problem+json",
    "cache-control": "no-store",
  };
  if (status === 429 || status === 503) always["retry-after"] = retryAfterSeconds;
  return new Response(text, { status, headers: { ...always, ...headers } });
}

/** The problem document of a failure, as JSON. */
export function problemText(error: unknown): string {
  return describe(error).text;
}

/** The public description of a failure. */
export interface Described {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
  /** Whether details were left out, so that `onError` must be called. */
  readonly hidden: boolean;
}

/**
 * Describes any thrown value. A value that cannot be read is described as `internal`, like any value that is
 * not an error of this runtime. Call it once for each failure: a Proxy may behave differently the next time.
 */
export function describe(error: unknown): Described {
  try {
    if (isSound<PosthornError>(error, PosthornError)) return describeKnown(error);
  } catch {
    // It threw while it was read, or its issues cannot be written as JSON.
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
  const refused = isThrown(known, RequestError) ? known : undefined;
  const head = { ...headOf(status, code), ...refused?.members };
  const text = fitting(head, inside ? storeWords[known.code] : known.message, issues);
  return { status, headers: refused?.headers ?? {}, text, hidden: inside };
}

type Issues = Pick<InvalidPayloadError, "issues" | "issuesTotal">;

/** The document with as much of its message, and as many issues, as fit. */
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
  // A dead letter with this code was caused by its turn, not by the request.
  if (isThrown(error, DeadLetterError) && error.code === "too-large") return 500;
  return Object.hasOwn(statuses, error.code) ? statuses[error.code] : 500;
}
