import { PosthornError } from "@posthorn/posthorn";
import { HTTPException } from "hono/http-exception";

const statuses: Readonly<Record<string, number>> = {
  "invalid-payload": 400,
  "invalid-key": 400,
  "invalid-id": 400,
  "id-reused": 422,
  "mailbox-full": 429,
  "too-many-actors": 429,
  "stopping": 503,
};

/** A problem document (RFC 9457), as the ingress answers too. */
export function problem(status: number, code: string, detail?: string, init?: HeadersInit): Response {
  const headers = new Headers(init);
  headers.set("content-type", "application/problem+json");
  if (status === 429 || status === 503) headers.set("retry-after", "1");
  return new Response(JSON.stringify({ status, code, detail }), { status, headers });
}

/** Why something was not accepted. Whoever sent it sends it again, where that may help. */
export function problemOf(error: unknown): Response {
  if (error instanceof HTTPException) { // a middleware said no
    return problem(error.status, "refused", error.message || undefined, error.getResponse().headers);
  }
  if (error instanceof PosthornError) return problem(statuses[error.code] ?? 500, error.code, error.message);
  return problem(500, "internal");
}
