import superjson from "superjson";
import { messageOf, PosthornError } from "../errors.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** What marks text that superjson wrote: no JSON begins with it. */
const rich = "~";

/** How deep plain data may be nested; what is deeper is left to superjson, which finds cycles. */
const depthMax = 200;

/**
 * Plain data as one line of text, and back. JSON where that says it all; superjson for dates, maps, `undefined` and
 * whatever else JSON would lose. Nothing at all is an empty text. Throws a `PosthornError` (`not-storable`) where neither
 * gives it back: functions and symbols would be gone without a word.
 */
export function toText(value: unknown): string {
  if (value === undefined) return "";
  return isJson(value, 0) ? JSON.stringify(value) : rich + richText(value);
}

/** Throws what {@linkcode toText} would. */
export function requireText(value: unknown): void {
  if (value !== undefined && !isJson(value, 0)) richText(value);
}

function richText(value: unknown): string {
  try {
    requireData(value, new Set());
    return superjson.stringify(value);
  } catch (cause) {
    throw new PosthornError("not-storable", `Cannot store a value: ${messageOf(cause)}`, { cause });
  }
}

/** Throws where something in a value is no data. */
function requireData(value: unknown, seen: Set<object>): void {
  if (typeof value === "function" || typeof value === "symbol") {
    throw new TypeError(`it has a ${typeof value}`);
  }
  if (typeof value !== "object" || value === null || seen.has(value)) return;
  seen.add(value);
  const parts = value instanceof Map
    ? [...value].flat()
    : value instanceof Set
    ? value
    : Object.values(value);
  for (const part of parts) requireData(part, seen);
}

/** What {@linkcode toText} was given. */
export function fromText(text: string): unknown {
  if (text === "") return undefined;
  return text[0] === rich ? superjson.parse(text.slice(1)) : JSON.parse(text);
}

/** Something small about a value as JSON, and the value itself, in one. */
export function encodeValue(head: unknown, text: string): Uint8Array {
  return encoder.encode(join(head, text));
}

function join(head: unknown, text: string): string {
  return `${JSON.stringify(head)}\n${text}`;
}

const slabBytes = 32_768;
/** What may be larger than this gets bytes of its own. */
const sharedBytesMax = 4_096;
/** The most bytes of one unit of a string as UTF-8. */
const bytesOfUnitMax = 3;

/**
 * Encodes like {@linkcode encodeValue}, for what is written with every message: small values lie side by side in one
 * piece of memory, because to allocate each by itself costs more than to encode it. What holds one of them holds the
 * piece, so it is for values that go when they are committed.
 */
export class ValueEncoder {
  #slab = new Uint8Array(0);
  #used = 0;

  encode(head: unknown, text: string): Uint8Array {
    const whole = join(head, text);
    const most = whole.length * bytesOfUnitMax;
    if (most > sharedBytesMax) return encoder.encode(whole);
    if (this.#used + most > this.#slab.length) {
      this.#slab = new Uint8Array(slabBytes);
      this.#used = 0;
    }
    const begin = this.#used;
    this.#used += encoder.encodeInto(whole, this.#slab.subarray(begin)).written;
    return this.#slab.subarray(begin, this.#used);
  }
}

/** The two halves of an encoded value; the second still as text. */
export function decodeValue<Head>(bytes: Uint8Array): { readonly head: Head; readonly text: string } {
  const whole = decoder.decode(bytes);
  const end = whole.indexOf("\n");
  return { head: JSON.parse(whole.slice(0, end)), text: whole.slice(end + 1) };
}

/** Whether JSON gives back just this. */
function isJson(value: unknown, depth: number): boolean {
  switch (typeof value) {
    case "string":
    case "boolean":
      return true;
    case "number":
      return Number.isFinite(value) && !Object.is(value, -0);
    case "object":
      return value === null || (depth < depthMax && isJsonObject(value, depth + 1));
    default:
      return false;
  }
}

function isJsonObject(value: object, depth: number): boolean {
  if (Array.isArray(value)) {
    for (let index = 0; index < value.length; index++) if (!isJson(value[index], depth)) return false;
    return true;
  }
  const prototype = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) return false;
  for (const key in value) {
    if (key === "__proto__" || !isJson((value as Record<string, unknown>)[key], depth)) return false;
  }
  return true;
}
