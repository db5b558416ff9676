import type { Context } from "hono";
import { parseSubjectPattern } from "../../runtime/language/subject.ts";
import { RequestError } from "./problem.ts";

/** The whole number of a query parameter, reduced to `most`; `undefined` if it is absent. */
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

/** The seconds of `Prefer: wait=N` (RFC 7240). Unknown preferences are ignored. */
export function preferredWaitSeconds(context: Context): number | undefined {
  const wait = /(?:^|[,;\s])wait\s*=\s*"?(\d{1,9})/i.exec(context.req.header("prefer") ?? "");
  return wait === null ? undefined : Number(wait[1]);
}

/** The pattern of subjects that `?subject=` gives; `undefined` if it is absent. */
export function subjectPattern(context: Context): readonly string[] | undefined {
  const subject = context.req.query("subject");
  if (subject === undefined) return undefined;
  try {
    return parseSubjectPattern(subject);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new RequestError(400, "invalid-subject", error.message);
  }
}

/**
 * The `Idempotency-Key`: quoted as its draft specifies (an item of RFC 8941, whose parameters are ignored),
 * or unquoted as most clients send it.
 */
export function idempotencyKey(context: Context): string | undefined {
  const header = context.req.header("idempotency-key")?.trim();
  if (header === undefined || !header.startsWith('"')) return header;
  const quoted = /^"((?:[^"\\]|\\["\\])*)"\s*(?:;.*)?$/.exec(header)?.[1];
  if (quoted !== undefined) return quoted.replace(/\\(.)/g, "$1");
  throw new RequestError(
    400,
    "invalid-id",
    "The Idempotency-Key begins with a quote and is not a quoted string",
  );
}

/**
 * Throws a {@linkcode RequestError} (400) if percent-encoded bytes of the path are not UTF-8: taken
 * literally, they would name the same as their encoding `%25…`.
 */
export function requireTextPath(context: Context): void {
  if (!context.req.url.includes("%")) return;
  try {
    decodeURIComponent(rawPath(context));
  } catch {
    throw new RequestError(400, "malformed-path", "The path has percent-encoded bytes that are not UTF-8");
  }
}

/**
 * The path of a request, not decoded. Cut from the text of the URL, because a URL with an invalid host cannot
 * be parsed.
 */
function rawPath(context: Context): string {
  const { url } = context.req;
  const begin = url.indexOf("/", url.indexOf("://") + 3);
  if (begin < 0) return "/";
  const query = url.indexOf("?", begin);
  const fragment = url.indexOf("#", begin);
  const end = query < 0 || (fragment >= 0 && fragment < query) ? fragment : query;
  return end < 0 ? url.slice(begin) : url.slice(begin, end);
}

const unsafeInHeaders = /[^!-~]|["\\<>^`{|}]/u;

/**
 * The path without its last `segments`, escaped so that it can be part of a header and be resolved again. A
 * path may end with a slash, because a Hono app that is not strict ignores it.
 */
export function pathBefore(context: Context, segments: number): string {
  const path = rawPath(context);
  let end = path.endsWith("/") ? path.length - 1 : path.length;
  for (let left = segments; left > 0 && end > 0; left--) end = path.lastIndexOf("/", end - 1);
  const prefix = path.slice(0, Math.max(end, 0));
  if (prefix === "" || !unsafeInHeaders.test(prefix)) return prefix;
  return prefix.replace(new RegExp(unsafeInHeaders, "gu"), (character) => {
    return encodeURIComponent(character.toWellFormed());
  });
}
