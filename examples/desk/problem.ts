import { problemResponse } from "@posthorn/posthorn/http";
import { HTTPException } from "hono/http-exception";

const titles: Readonly<Record<number, string>> = {
  400: "Bad Request",
  401: "Unauthorized",
  413: "Content Too Large",
};

/** Creates a problem document (RFC 9457) of the desk itself, in the form of those of the ingress. */
export function problem(status: number, code: string, detail: string, init?: HeadersInit): Response {
  const headers = new Headers(init);
  headers.set("content-type", "application/problem+json");
  headers.set("cache-control", "no-store");
  const title = titles[status] ?? "Refused";
  return new Response(
    JSON.stringify({ type: `urn:webhook-desk:problem:${code}`, title, status, code, detail }),
    {
      status,
      headers,
    },
  );
}

/**
 * Answers an error: a refusal of a middleware with its own message, an error of an actor or its mailbox as
 * the ingress does.
 */
export function problemOf(error: unknown): Response {
  if (!(error instanceof HTTPException)) return problemResponse(error);
  const words = error.message ||
    (error.status === 401 ? "This needs a token" : "The desk does not take this");
  return problem(error.status, "refused", words, error.getResponse().headers);
}
