import type { Context } from "hono";
import type { SuperJSONResult } from "superjson";
import { shorten } from "../../../runtime/base/shorten.ts";
import { jsonText } from "./json_text.ts";
import { RequestError } from "../problem.ts";

/**
 * The content type of superjson, for values that JSON cannot represent: dates, maps, sets, big integers,
 * `undefined`.
 */
export const superjsonType = "application/superjson+json";

/** The content type of JSON. */
export const jsonType = "application/json";

/** The bounds of a body. */
export interface BodyBounds {
  readonly bodyBytesMax: number;
  readonly depthMax: number;
}

/**
 * The size in bytes from which a body counts against the byte bound of a mailbox. Smaller ones count by
 * number only: a mailbox full of them is small.
 */
const smallBytes = 1_024;

/**
 * Reads the payload of a request: `undefined` if it has no body. A body must be JSON, or superjson if its
 * content type says so, in UTF-8, not compressed, within the bounds, and without keys that modify prototypes.
 * Calls `onBytes` with its size in bytes if that counts against the mailbox.
 */
export async function readPayload(
  context: Context,
  bounds: BodyBounds,
  onBytes?: (bytes: number) => void,
): Promise<unknown> {
  const { bodyBytesMax, depthMax } = bounds;
  const contentType = context.req.header("content-type");
  const type = mediaType(contentType);
  const isJson = type === jsonType || type === superjsonType;
  if (!isJson) requireNoOtherSite(context);
  requireReadable(context, contentType);
  const isKnown = hasKnownLength(context, bodyBytesMax);
  const { req } = context;
  const wasRead = req.raw.bodyUsed; // by middleware, and Hono keeps it
  let bytes: ArrayBuffer;
  try {
    bytes = await (isKnown || wasRead ? req.arrayBuffer() : readStream(req.raw.body, bodyBytesMax));
  } catch (error) {
    if (wasRead || error instanceof RequestError) throw error;
    // The body is never aborted by this code: the client disconnected, or sent a malformed body.
    throw new RequestError(400, "incomplete-body", "The body ended early, or its HTTP framing is invalid");
  }
  if (bytes.byteLength > bodyBytesMax) throw tooLarge(bodyBytesMax);
  const text = textOf(bytes);
  if (text === "" && (type === undefined || isJson)) return undefined;
  if (!isJson) {
    const found = type === undefined || type === ""
      ? "no content type"
      : `the content type ${shorten(type, 100)}`;
    throw new RequestError(
      415,
      "unsupported-media-type",
      `The body has ${found}: send content-type: ${jsonType} (with curl: --json) or ${superjsonType}`,
    );
  }
  const value = parseJson(text);
  requireHarmless(value, depthMax);
  if (bytes.byteLength >= smallBytes) onBytes?.(bytes.byteLength);
  return type === jsonType ? value : fromSuperjson(value);
}

/** Whether the client accepts superjson, and does not prefer JSON. */
export function wantsSuperjson(context: Context): boolean {
  const accept = context.req.header("accept");
  if (accept === undefined || !accept.toLowerCase().includes(superjsonType)) return false;
  const wanted = qualityOf(accept, superjsonType) ?? 0;
  return wanted > 0 && wanted >= (qualityOf(accept, jsonType) ?? 0);
}

/**
 * Writes a value as JSON. Throws a {@linkcode RequestError} (406) if JSON cannot represent it (`jsonText`).
 */
export function writeJson(value: unknown): string {
  const text = jsonText(value);
  if (text === undefined) throw notRepresentable(jsonType, superjsonType);
  return text;
}

/**
 * Writes a value as superjson. Throws a {@linkcode RequestError} (406) if superjson cannot represent it
 * (`superjsonText`).
 */
export async function writeSuperjson(value: unknown): Promise<string> {
  const { superjsonText } = await import("./superjson_text.ts");
  const text = await superjsonText(value);
  if (text === undefined) throw notRepresentable(superjsonType, jsonType);
  return text;
}

function notRepresentable(unfit: string, fit: string): RequestError {
  const why = `The reply cannot be written as ${unfit}: ask for it with accept: ${fit}`;
  return new RequestError(406, "not-representable", why);
}

function mediaType(contentType: string | undefined): string | undefined {
  return contentType === jsonType ? jsonType : contentType?.split(";")[0].trim().toLowerCase();
}

/** The quality value of a media type (RFC 9110); `undefined` if the header does not name it. */
function qualityOf(accept: string, type: string): number | undefined {
  for (const range of accept.toLowerCase().split(",")) {
    const [name, ...parameters] = range.split(";").map((part) => part.trim());
    if (name !== type) continue;
    const quality = parameters.find((parameter) => /^q\s*=/.test(parameter));
    return quality === undefined ? 1 : Number(quality.slice(quality.indexOf("=") + 1)) || 0;
  }
}

/** Throws a {@linkcode RequestError} (415) unless the body is uncompressed UTF-8. */
function requireReadable({ req }: Context, contentType: string | undefined): void {
  const encoding = req.header("content-encoding")?.trim().toLowerCase();
  if (encoding !== undefined && encoding !== "" && encoding !== "identity") {
    const why = `The body has the content encoding ${shorten(encoding, 100)}: send it uncompressed`;
    throw new RequestError(415, "unsupported-content-encoding", why, { "accept-encoding": "identity" });
  }
  if (contentType === jsonType) return;
  const charset = /;\s*charset\s*=\s*"?([^";\s]*)/i.exec(contentType ?? "")?.[1];
  if (charset === undefined || /^utf-?8$/i.test(charset)) return;
  const why = `The body has the charset "${shorten(charset, 100)}": send it in UTF-8`;
  throw new RequestError(415, "unsupported-charset", why);
}

/**
 * Protects against cross-site request forgery: a page of another site can make a browser post a form, a text
 * or no body with the visitor's cookies and without a preflight. Requests with a JSON content type, or
 * anything else that needs a preflight, are up to the CORS middleware.
 */
function requireNoOtherSite({ req }: Context): void {
  const site = req.header("sec-fetch-site");
  const origin = req.header("origin");
  const isOther = site === undefined
    ? origin !== undefined && hostOf(origin) !== (req.header("host") ?? hostOf(req.url)).toLowerCase()
    : site !== "same-origin" && site !== "none";
  if (!isOther) return;
  const why =
    `A browser sends this from another site: send content-type: ${jsonType}, which needs a preflight`;
  throw new RequestError(403, "cross-site", why);
}

/** The host of a URL, with its port. */
function hostOf(url: string): string {
  return (/^[a-z][a-z0-9+.-]*:\/\/([^/?#]*)/i.exec(url)?.[1] ?? "").toLowerCase();
}

/**
 * Whether the length of the body is known and within the bound. Throws a {@linkcode RequestError} (413) if it
 * is known and exceeds the bound. A platform reads a whole body several times faster than a stream, so only
 * bodies of unknown length are streamed, up to the bound.
 */
function hasKnownLength({ req }: Context, bytesMax: number): boolean {
  const length = Number(req.header("content-length"));
  if (length > bytesMax) throw tooLarge(bytesMax);
  // With a transfer encoding the length is meaningless, and some servers pass both.
  return length <= bytesMax && req.header("transfer-encoding") === undefined;
}

const decoder = new TextDecoder("utf-8", { fatal: true });

/** Decodes a body to text, without a byte order mark. */
function textOf(bytes: ArrayBuffer): string {
  try {
    return decoder.decode(bytes);
  } catch {
    throw new RequestError(400, "malformed-body", "The body is not UTF-8");
  }
}

async function readStream(body: ReadableStream<Uint8Array> | null, bytesMax: number): Promise<ArrayBuffer> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of body ?? []) {
    length += chunk.length;
    if (length > bytesMax) throw tooLarge(bytesMax); // leaving the loop cancels the stream
    chunks.push(chunk);
  }
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes.buffer;
}

function tooLarge(bytesMax: number): RequestError {
  return new RequestError(413, "too-large", `The body is larger than ${bytesMax} bytes`);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new RequestError(400, "malformed-body", "The body is not JSON");
  }
}

/**
 * Throws a {@linkcode RequestError} (400) if a value is nested too deeply or has a refused key. Walks it
 * level by level without recursion, because it may be as deep as the body is long.
 */
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
      for (const key in container) { // objects from JSON.parse inherit no enumerable key
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

/**
 * Revives a superjson value. Only its type annotations are used. Those of referential equality are ignored:
 * with a value that contains itself, a schema would never end.
 */
async function fromSuperjson(value: unknown): Promise<unknown> {
  const { revive } = await import("./revive.ts");
  try {
    const { json, meta } = value as SuperJSONResult;
    if (json === undefined) throw new TypeError("There is no json");
    return revive(json, meta?.values);
  } catch {
    throw new RequestError(400, "malformed-body", "The body is not superjson, or has a type that is refused");
  }
}
