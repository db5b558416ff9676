import type { Context } from "hono";
import { sha256 } from "hono/utils/crypto";

/**
 * Who speaks, by the `Authorization` header; nobody in particular without one. A digest of it, since a caller's name
 * stands in the names of replies, where people see it.
 */
export function callerOf(context: Context): string | Promise<string> {
  const authorization = context.req.header("authorization");
  return authorization === undefined ? "" : sha256(authorization).then((digest) => digest ?? "");
}
