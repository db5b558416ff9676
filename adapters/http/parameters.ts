import type { Context } from "hono";
import type { Clock } from "../../runtime/base/clock.ts";
import type { IngressBounds } from "./options.ts";
import type { DelayOptions } from "../../runtime/language/when.ts";
import { parseSubjectPattern } from "../../runtime/language/subject.ts";
import { RequestError } from "./problem.ts";

/** The whole number of a query parameter, reduced to `most`; `undefined` if it is absent. */
export function integerParameter(context: Context, name: string, most: number): number | undefined {
  const text = context.req.query(name);
  if (text === undefined) return undefined;
  const value = /^\d{1,15}$/.test(text) ? Number(text) : 0;
  if (value >= 1) return Math.min(value, most);
  throw invalid(name, "a whole number of at least 1", text);
}

/** A time of day with its zone (RFC 3339). The `+` of an offset is a space if a client did not escape it. */
const timePattern = /^(\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?)(Z|[-+ ]\d\d:\d\d)$/i;

/**
 * The delay of `?afterMs=` or `?at=`, of which only one may be given, and which may be up to `delayMsMax` milliseconds.
 * `delays` says whether the operation can be delayed.
 */
export function delayParameter(
  context: Context,
  delays: boolean,
  clock: Pick<Clock, "now">,
  { delayMsMax: most }: Pick<IngressBounds, "delayMsMax">,
): DelayOptions {
  const [afterMs, at] = [context.req.query("afterMs"), context.req.query("at")];
  if (afterMs === undefined && at === undefined) return {};
  const name = afterMs === undefined ? "at" : "afterMs";
  if (!delays) {
    const why = "only a tell or a submit can be delayed";
    throw new RequestError(
      400,
      "invalid-parameter",
      `The query parameter ${name} cannot be used here: ${why}`,
    );
  }
  if (afterMs !== undefined && at !== undefined) {
    const why = "The query parameters afterMs and at cannot be used together";
    throw new RequestError(400, "invalid-parameter", why);
  }
  if (afterMs !== undefined) {
    const value = /^\d{1,15}$/.test(afterMs) ? Number(afterMs) : Infinity;
    if (value <= most) return { afterMs: value };
    throw invalid("afterMs", `a whole number of 0 to ${most}`, afterMs);
  }
  const [, time, zone] = timePattern.exec(at!) ?? [];
  const atMs = Date.parse(`${time}${zone?.replace(" ", "+")}`);
  const isDate = !Number.isNaN(atMs) &&
    new Date(`${time.slice(0, 10)}T00:00Z`).toISOString().startsWith(time.slice(0, 10));
  if (!isDate) throw invalid("at", "a time with its zone, as 2030-01-31T02:00:00Z", at!);
  if (atMs - clock.now() <= most) return { at: new Date(atMs) };
  throw invalid("at", `at most ${most} ms from now`, at!);
}

function invalid(name: string, must: string, text: string): RequestError {
  const shown = JSON.stringify(text.slice(0, 80));
  return new RequestError(
    400,
    "invalid-parameter",
    `The query parameter ${name} must be ${must}: current value is ${shown}`,
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
