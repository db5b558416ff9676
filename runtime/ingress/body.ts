import type { Context } from "hono";
import { SuperJSON, type SuperJSONResult } from "superjson";
import { RequestError } from "./problem.ts";

/** The content type of what JSON cannot carry: dates, maps, sets, big integers, `undefined`. */
export const superjsonType = "application/superjson+json";

const jsonType = "application/json";
const keysRefused = new Set(["__proto__", "constructor", "prototype"]);

/**
 * The payload of a request. No body is no payload; a body must be JSON, or superjson by its content type, not deeper
 * than the bound, and without keys that reach into prototypes.
 */
export async function readPayload(context: Context, depthMax: number): Promise<unknown> {
  const text = await context.req.text();
  const type = context.req.header("content-type")?.split(";")[0].trim().toLowerCase();
  if (text === "" && (type === undefined || type === jsonType || type === superjsonType)) return undefined;
  if (type !== jsonType && type !== superjsonType) {
    const found = type === undefined ? "no content type" : `the content type ${type}`;
    throw new RequestError(
      415,
      "unsupported-media-type",
      `The body has ${found}: send content-type: ${jsonType} (with curl: --json) or ${superjsonType}`,
    );
  }
  const value = parseJson(text);
  requireHarmless(value, depthMax);
  return type === jsonType ? value : fromSuperjson(value);
}

/** Whether the caller wants to read superjson. */
export function wantsSuperjson(context: Context): boolean {
  return context.req.header("accept")?.includes(superjsonType) ?? false;
}

/** A value as the caller wants to read it. */
export function writeValue(value: unknown, asSuperjson: boolean): string {
  try {
    if (asSuperjson) return new SuperJSON().stringify(value);
    return JSON.stringify(value) ?? "null"; // undefined has no JSON of its own
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw new RequestError(
      406,
      "not-representable",
      `The reply is no JSON: ask for it with accept: ${superjsonType}`,
    );
  }
}

/** The answer that carries a value. */
export function valueResponse(
  context: Context,
  value: unknown,
  headers: Readonly<Record<string, string>> = {},
): Response {
  const asSuperjson = wantsSuperjson(context);
  return context.body(writeValue(value, asSuperjson), 200, {
    "content-type": asSuperjson ? superjsonType : jsonType,
    "vary": "accept",
    ...headers,
  });
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new RequestError(400, "malformed-body", "The body is no JSON");
  }
}

/** Walks a value without recursion: it may be as deep as the body is long. */
function requireHarmless(value: unknown, depthMax: number): void {
  const waiting: { readonly value: unknown; readonly depth: number }[] = [{ value, depth: 1 }];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    if (typeof next.value !== "object" || next.value === null) continue;
    if (next.depth > depthMax) {
      throw new RequestError(400, "too-deep", `The body is nested deeper than ${depthMax} levels`);
    }
    for (const [key, inner] of Object.entries(next.value)) {
      if (keysRefused.has(key)) {
        throw new RequestError(400, "refused-key", `The body has the key ${key}, which is refused`);
      }
      waiting.push({ value: inner, depth: next.depth + 1 });
    }
  }
}

/**
 * Rebuilds a value from superjson. A stranger's pattern is not compiled, since it may take for ever to match; and
 * nothing points at itself, since a schema would follow it for ever.
 */
function fromSuperjson(value: unknown): unknown {
  const malformed = new RequestError(400, "malformed-body", "The body is no superjson");
  if (typeof value !== "object" || value === null || !("json" in value)) throw malformed;
  const { json, meta } = value as SuperJSONResult;
  if (JSON.stringify(meta?.values ?? null).includes('"regexp"')) {
    throw new RequestError(400, "malformed-body", "The body has a regular expression, which is refused");
  }
  try {
    return new SuperJSON().deserialize({ json, meta: meta?.values && { values: meta.values } });
  } catch {
    throw malformed;
  }
}
