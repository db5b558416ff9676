import type { Context } from "hono";

/**
 * Who speaks, by the `Authorization` header; nobody in particular without one. A digest of it, since a caller's name
 * stands in the names of replies, where people see it.
 */
export async function callerOf(context: Context): Promise<string> {
  const authorization = context.req.header("authorization");
  if (authorization === undefined) return "";
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(authorization));
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
