import superjson from "superjson";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** What marks text that superjson wrote: no JSON begins with it. */
const rich = "~";

/** How deep plain data may be nested; what is deeper is left to superjson, which finds cycles. */
const depthMax = 200;

/**
 * Plain data as one line of text, and back. JSON where that says it all; superjson for dates, maps, `undefined` and
 * whatever else JSON would lose. Nothing at all is an empty text.
 */
export function toText(value: unknown): string {
  if (value === undefined) return "";
  return isJson(value, 0) ? JSON.stringify(value) : rich + superjson.stringify(value);
}

/** Throws what {@linkcode toText} would. */
export function requireText(value: unknown): void {
  if (value !== undefined && !isJson(value, 0)) superjson.stringify(value);
}

/** What {@linkcode toText} was given. */
export function fromText(text: string): unknown {
  if (text === "") return undefined;
  return text[0] === rich ? superjson.parse(text.slice(1)) : JSON.parse(text);
}

/** Something small about a value as JSON, and the value itself, in one. */
export function encodeValue(head: unknown, text: string): Uint8Array {
  return encoder.encode(`${JSON.stringify(head)}\n${text}`);
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
