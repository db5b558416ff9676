import type { Context } from "hono";
import type { SuperJSONResult } from "superjson";
import { RequestError } from "./problem.ts";
import { loadSuperjson } from "./superjson.ts";

/** The content type of what JSON cannot carry: dates, maps, sets, big integers, `undefined`. */
export const superjsonType = "application/superjson+json";

const jsonType = "application/json";
const jsonHeaders = { "content-type": jsonType };

/** What a body may be. */
export interface BodyBounds {
  readonly bodyBytesMax: number;
  readonly depthMax: number;
}

/** A body of fewer bytes counts by number alone: a mailbox full of them is small. */
const smallBytes = 1_024;

/**
 * The payload of a request. No body is no payload; a body must be JSON, or superjson by its content type, within the
 * bounds, and without keys that reach into prototypes. `onBytes` hears how many bytes it is, where that is worth counting.
 */
export async function readPayload(
  context: Context,
  bounds: BodyBounds,
  onBytes?: (bytes: number) => void,
): Promise<unknown> {
  const { bodyBytesMax, depthMax } = bounds;
  const type = mediaType(context);
  const text = await readText(context, bodyBytesMax);
  if (text.length * 3 > bodyBytesMax && new TextEncoder().encode(text).length > bodyBytesMax) {
    throw tooLarge(bodyBytesMax);
  }
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
  if (text.length >= smallBytes) onBytes?.(text.length);
  return type === jsonType ? value : fromSuperjson(value);
}

/** Whether the caller wants to read superjson. */
export function wantsSuperjson(context: Context): boolean {
  return context.req.header("accept")?.includes(superjsonType) ?? false;
}

/** The answer that carries a value as the caller wants to read it. */
export function valueResponse(
  context: Context,
  value: unknown,
  headers?: Readonly<Record<string, string>>,
): Response | Promise<Response> {
  if (wantsSuperjson(context)) return superjsonResponse(context, value, headers);
  return context.body(writeJson(value), 200, headers ? { ...jsonHeaders, ...headers } : jsonHeaders);
}

/** A value as JSON. */
export function writeJson(value: unknown): string {
  try {
    return JSON.stringify(value) ?? "null"; // undefined has no JSON of its own
  } catch {
    throw notRepresentable(jsonType, superjsonType);
  }
}

/** A value as superjson. */
export async function writeSuperjson(value: unknown): Promise<string> {
  const superjson = await loadSuperjson();
  try {
    return superjson.stringify(value);
  } catch {
    throw notRepresentable(superjsonType, jsonType);
  }
}

async function superjsonResponse(
  context: Context,
  value: unknown,
  headers?: Readonly<Record<string, string>>,
): Promise<Response> {
  return context.body(await writeSuperjson(value), 200, { "content-type": superjsonType, ...headers });
}

function notRepresentable(unfit: string, fit: string): RequestError {
  const why = `The reply cannot be written as ${unfit}: ask for it with accept: ${fit}`;
  return new RequestError(406, "not-representable", why);
}

function mediaType(context: Context): string | undefined {
  const type = context.req.header("content-type");
  return type === jsonType ? type : type?.split(";")[0].trim().toLowerCase();
}

/**
 * The text of the body; what middleware has read before is there. A platform reads a whole body several times faster
 * than its stream, so the stream, which ends at the bound, is for a body whose length nobody can know beforehand.
 */
function readText({ req }: Context, bytesMax: number): Promise<string> {
  const length = Number(req.header("content-length"));
  if (length > bytesMax) throw tooLarge(bytesMax);
  // Beside a transfer encoding a length means nothing, and some servers hand on both.
  const known = length <= bytesMax && req.header("transfer-encoding") === undefined;
  return known || req.raw.bodyUsed ? req.text() : readStream(req.raw.body, bytesMax);
}

async function readStream(body: ReadableStream<Uint8Array> | null, bytesMax: number): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  let bytes = 0;
  for await (const chunk of body ?? []) {
    bytes += chunk.length;
    if (bytes > bytesMax) throw tooLarge(bytesMax); // leaving the loop cancels the body
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}

function tooLarge(bytesMax: number): RequestError {
  return new RequestError(413, "too-large", `The body is larger than ${bytesMax} bytes`);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new RequestError(400, "malformed-body", "The body is no JSON");
  }
}

/** Walks a value level by level, without recursion: it may be as deep as the body is long. */
function requireHarmless(value: unknown, depthMax: number): void {
  let level = isContainer(value) ? [value] : [];
  for (let depth = 1; level.length > 0; depth++) {
    if (depth > depthMax) {
      throw new RequestError(400, "too-deep", `The body is nested deeper than ${depthMax} levels`);
    }
    const inside: Container[] = [];
    for (const container of level) {
      if (Array.isArray(container)) {
        for (const inner of container) if (isContainer(inner)) inside.push(inner);
        continue;
      }
      for (const key in container) { // what JSON makes inherits no key that could come by here
        requireHarmlessKey(key);
        const inner = container[key];
        if (isContainer(inner)) inside.push(inner);
      }
    }
    level = inside;
  }
}

function requireHarmlessKey(key: string): void {
  if (key !== "__proto__" && key !== "constructor" && key !== "prototype") return;
  throw new RequestError(400, "refused-key", `The body has the key ${key}, which is refused`);
}

type Container = Record<string, unknown> | unknown[];

function isContainer(value: unknown): value is Container {
  return typeof value === "object" && value !== null;
}

/** Of what it says about itself only the types count: nothing points at itself, since a schema would follow it for ever. */
async function fromSuperjson(value: unknown): Promise<unknown> {
  const { revive } = await import("./revive.ts");
  try {
    const { json, meta } = value as SuperJSONResult;
    if (json === undefined) throw new TypeError("There is no json");
    return revive(json, meta?.values);
  } catch {
    throw new RequestError(400, "malformed-body", "The body is no superjson, or has a type that is refused");
  }
}
