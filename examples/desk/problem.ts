import { problemResponse } from "@posthorn/posthorn/http";
import { HTTPException } from "hono/http-exception";

const titles: Readonly<Record<number, string>> = {
  400: "Bad Request",
  401: "Unauthorized",
  413: "Content Too Large",
};

/** A problem document (RFC 9457) of the desk's own, as the ingress answers for the rest. */
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

/** What a middleware refuses, in its own words; and what an actor or its mailbox does, as the ingress says it. */
export function problemOf(error: unknown): Response {
  if (!(error instanceof HTTPException)) return problemResponse(error);
  const words = error.message ||
    (error.status === 401 ? "This needs a token" : "The desk does not take this");
  return problem(error.status, "refused", words, error.getResponse().headers);
}
