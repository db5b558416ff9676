import { SuperJSON, type SuperJSONResult } from "superjson";
import { messageOf, PosthornError } from "../../base/errors.ts";
import { isJson } from "../../base/storable.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** What marks text that superjson wrote: no JSON begins with it. */
export const rich = "~";

/** An instance of its own: what a program registers with the library is not known to the other programs on its store. */
const superjson = new SuperJSON();

/**
 * Encodes data as one line of text: as JSON, or as superjson if JSON would lose something. `undefined` is an empty text.
 * Throws a `PosthornError` (`not-storable`) if the value is no data, so decoding returns an equal value. Identity is not
 * kept: to restore it, superjson would move the entries of maps and sets.
 */
export function toText(value: unknown): string {
  if (value === undefined) return "";
  return isJson(value) ? JSON.stringify(value) : rich + richText(value);
}

/** Does the same for a value that has not changed since {@linkcode requireText} returned true for it. */
export function jsonToText(value: unknown): string {
  return JSON.stringify(value);
}

/** Throws what {@linkcode toText} would throw. Returns whether JSON loses nothing of the value. */
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

/** Decodes the text of {@linkcode toText}. */
export function fromText(text: string): unknown {
  if (text === "") return undefined;
  if (text[0] !== rich) return JSON.parse(text);
  return superjson.deserialize(JSON.parse(text.slice(1)) as SuperJSONResult, { inPlace: true });
}

/** Encodes the text of a value behind a small head, which is JSON. */
export function encodeValue(head: unknown, text: string): Uint8Array {
  return encoder.encode(join(head, text));
}

function join(head: unknown, text: string): string {
  return `${JSON.stringify(head)}\n${text}`;
}

const slabBytes = 32_768;
/** A value that may be larger than this gets a piece of memory of its own. */
const sharedBytesMax = 4_096;
/** The most bytes of one unit of a string as UTF-8. */
const bytesOfUnitMax = 3;

/**
 * Encodes as {@linkcode encodeValue} does, for values that are written with every message: small values share one piece of
 * memory, because to allocate each value costs more than to encode it. A reference to one value keeps the whole piece in
 * memory, so it is for values that are released when they are committed.
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

/** Decodes the head of an encoded value, and returns the value as text. */
export function decodeValue<Head>(bytes: Uint8Array): { readonly head: Head; readonly text: string } {
  const whole = decoder.decode(bytes);
  const end = whole.indexOf("\n");
  return { head: JSON.parse(whole.slice(0, end)), text: whole.slice(end + 1) };
}
