import { problemResponse } from "@posthorn/posthorn";
import { HTTPException } from "hono/http-exception";

/** A problem document (RFC 9457) of the desk's own, as the ingress answers for the rest. */
export function problem(status: number, code: string, detail: string, init?: HeadersInit): Response {
  const headers = new Headers(init);
  headers.set("content-type", "application/problem+json");
  return new Response(JSON.stringify({ status, code, detail }), { status, headers });
}

/** What a middleware refuses, in its own words; and what an actor or its mailbox does, as the ingress says it. */
export function problemOf(error: unknown): Response {
  if (!(error instanceof HTTPException)) return problemResponse(error);
  return problem(error.status, "refused", error.message || "This needs a token", error.getResponse().headers);
}
