import { SuperJSON, type SuperJSONResult } from "superjson";
import { messageOf, PosthornError } from "../../base/errors.ts";
import { isJson } from "../../base/storable.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** What marks text that superjson wrote: no JSON begins with it. */
const rich = "~";

/** Of its own: what a program registers with the library for itself is not known to the others on its store. */
const superjson = new SuperJSON();

/**
 * Data as one line of text, and back: JSON where that says it all, superjson where JSON would lose something. Nothing at
 * all is an empty text. What is no data is refused with a `PosthornError` (`not-storable`), so what comes out is what went
 * in, but for identity, which data have none: superjson would restore it, and move the entries of maps and sets by that.
 */
export function toText(value: unknown): string {
  if (value === undefined) return "";
  return isJson(value) ? JSON.stringify(value) : rich + richText(value);
}

/** The same for a value that has not changed since {@linkcode requireText} said that JSON gives it back. */
export function jsonToText(value: unknown): string {
  return JSON.stringify(value);
}

/** Throws what {@linkcode toText} would. Returns whether JSON says it all. */
export function requireText(value: unknown): boolean {
  if (value === undefined) return false;
  const json = isJson(value);
  if (!json) richText(value);
  return json;
}

function richText(value: unknown): string {
  try {
    const { json, meta } = superjson.serialize(value);
    return JSON.stringify({ json, meta: { values: meta?.values, v: meta?.v } });
  } catch (cause) {
    throw new PosthornError("not-storable", `Cannot store a value: ${messageOf(cause)}`, { cause });
  }
}

/** What {@linkcode toText} was given. */
export function fromText(text: string): unknown {
  if (text === "") return undefined;
  if (text[0] !== rich) return JSON.parse(text);
  return superjson.deserialize(JSON.parse(text.slice(1)) as SuperJSONResult, { inPlace: true });
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
