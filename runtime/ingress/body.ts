import type { Context } from "hono";
import { SuperJSON, type SuperJSONResult } from "superjson";
import { RequestError } from "./problem.ts";
import { revive } from "./revive.ts";

/** The content type of what JSON cannot carry: dates, maps, sets, big integers, `undefined`. */
export const superjsonType = "application/superjson+json";

const jsonType = "application/json";
const keysRefused = new Set(["__proto__", "constructor", "prototype"]);

/** What a body may be. */
export interface BodyBounds {
  readonly bodyBytesMax: number;
  readonly depthMax: number;
}

/**
 * The payload of a request. No body is no payload; a body must be JSON, or superjson by its content type, within the
 * bounds, and without keys that reach into prototypes.
 */
export async function readPayload(context: Context, bounds: BodyBounds): Promise<unknown> {
  const text = await readText(context, bounds.bodyBytesMax);
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
  requireHarmless(value, bounds.depthMax);
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
  } catch {
    const [unfit, fit] = asSuperjson ? [superjsonType, jsonType] : [jsonType, superjsonType];
    const why = `The reply cannot be written as ${unfit}: ask for it with accept: ${fit}`;
    throw new RequestError(406, "not-representable", why);
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

/** Reads no more than the bound, whether the length is known or not; what middleware has read before is there. */
async function readText(context: Context, bytesMax: number): Promise<string> {
  const { raw } = context.req;
  const tooLarge = new RequestError(413, "too-large", `The body is larger than ${bytesMax} bytes`);
  if (raw.bodyUsed) {
    if ((await context.req.arrayBuffer()).byteLength > bytesMax) throw tooLarge;
    return await context.req.text();
  }
  if (Number(context.req.header("content-length")) > bytesMax) throw tooLarge;
  const decoder = new TextDecoder();
  let text = "";
  let bytes = 0;
  for await (const chunk of raw.body ?? []) {
    bytes += chunk.length;
    if (bytes > bytesMax) throw tooLarge; // leaving the loop cancels the body
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
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

/** Of what it says about itself only the types count: nothing points at itself, since a schema would follow it for ever. */
function fromSuperjson(value: unknown): unknown {
  try {
    const { json, meta } = value as SuperJSONResult;
    if (json === undefined) throw new TypeError("There is no json");
    return revive(json, meta?.values);
  } catch {
    throw new RequestError(400, "malformed-body", "The body is no superjson, or has a type that is refused");
  }
}
