import type { Context } from "hono";
import { RequestError } from "./problem.ts";

/** The whole number of a query parameter, at most `most`; nothing where it is not given. */
export function integerParameter(context: Context, name: string, most: number): number | undefined {
  const text = context.req.query(name);
  if (text === undefined) return undefined;
  const value = /^\d{1,15}$/.test(text) ? Number(text) : 0;
  if (value >= 1) return Math.min(value, most);
  throw new RequestError(
    400,
    "invalid-parameter",
    `The query parameter ${name} must be a whole number of at least 1: current value is ${
      JSON.stringify(text.slice(0, 80))
    }`,
  );
}

/** The seconds of `Prefer: wait=N` (RFC 7240). Preferences that are not known are not an error. */
export function preferredWaitSeconds(context: Context): number | undefined {
  const wait = /(?:^|[,;\s])wait\s*=\s*"?(\d{1,9})/i.exec(context.req.header("prefer") ?? "");
  return wait === null ? undefined : Number(wait[1]);
}

/** The `Idempotency-Key`, quoted as its draft says or bare as most send it. */
export function idempotencyKey(context: Context): string | undefined {
  const header = context.req.header("idempotency-key")?.trim();
  return header === undefined ? undefined : /^"(.*)"$/.exec(header)?.[1] ?? header;
}
