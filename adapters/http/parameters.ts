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

/**
 * The `Idempotency-Key`: quoted as its draft says (an item of RFC 8941, whose parameters mean nothing here), or bare as
 * most send it.
 */
export function idempotencyKey(context: Context): string | undefined {
  const header = context.req.header("idempotency-key")?.trim();
  if (header === undefined || !header.startsWith('"')) return header;
  const quoted = /^"((?:[^"\\]|\\["\\])*)"\s*(?:;.*)?$/.exec(header)?.[1];
  if (quoted !== undefined) return quoted.replace(/\\(.)/g, "$1");
  throw new RequestError(400, "invalid-id", "The Idempotency-Key begins with a quote and is no quoted text");
}

/**
 * Throws a 400 where the path has bytes that are no UTF-8: taken as they stand they would name what `%25…` names too.
 */
export function requireTextPath(context: Context): void {
  if (!context.req.url.includes("%")) return;
  try {
    decodeURIComponent(rawPath(context));
  } catch {
    throw new RequestError(400, "malformed-path", "The path has a percent sign that stands for no UTF-8");
  }
}

/** The path of a request as it was sent. From its text: nobody can parse a URL whose host is none. */
function rawPath(context: Context): string {
  const { url } = context.req;
  const begin = url.indexOf("/", url.indexOf("://") + 3);
  if (begin < 0) return "/";
  const path = url.slice(begin);
  const end = path.search(/[?#]/);
  return end < 0 ? path : path.slice(0, end);
}

const unsafeInHeaders = /[^!-~]|["\\<>^`{|}]/u;

/**
 * What stands before so many last segments of the path, so that it can stand in a header and be resolved again. An app that
 * is not strict takes a path with a slash at its end for the one without.
 */
export function pathBefore(context: Context, segments: number): string {
  const path = rawPath(context);
  let end = path.endsWith("/") ? path.length - 1 : path.length;
  for (let left = segments; left > 0 && end > 0; left--) end = path.lastIndexOf("/", end - 1);
  const prefix = path.slice(0, Math.max(end, 0));
  if (!unsafeInHeaders.test(prefix)) return prefix;
  return prefix.replace(new RegExp(unsafeInHeaders, "gu"), (character) => {
    return encodeURIComponent(character.toWellFormed());
  });
}
