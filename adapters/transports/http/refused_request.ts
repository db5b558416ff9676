import { PosthornError } from "../../../runtime/base/errors.ts";

const titles: Readonly<Record<number, string>> = {
  400: "Bad Request",
  401: "Unauthorized",
  403: "Forbidden",
  404: "Not Found",
  405: "Method Not Allowed",
  408: "Request Timeout",
  409: "Conflict",
  413: "Content Too Large",
  421: "Misdirected Request",
  429: "Too Many Requests",
  503: "Service Unavailable",
};

/** A request of another service that is not served, with its answer. */
export class RefusedRequest extends PosthornError {
  override readonly name = "RefusedRequest";
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;

  constructor(status: number, code: string, message: string, headers: Readonly<Record<string, string>> = {}) {
    super(code, message);
    this.status = status;
    this.headers = headers;
  }

  /** A problem document (RFC 9457). */
  respond(): Response {
    const { status, code, message } = this;
    const problem = {
      type: `urn:posthorn:problem:${code}`,
      title: titles[status],
      status,
      code,
      detail: message,
    };
    const headers: Record<string, string> = {
      "content-type": "application/problem+json",
      "cache-control": "no-store",
      ...status === 429 && { "retry-after": "1" },
      ...this.headers,
    };
    return new Response(JSON.stringify(problem), { status, headers });
  }
}

/** A request that comes when nothing is taken any more. */
export function stopping(): RefusedRequest {
  return new RefusedRequest(503, "stopping", "This process takes nothing any more");
}
