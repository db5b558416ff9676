import { messageOf, PosthornError } from "./errors.ts";

/**
 * A short hash of a value: equal for equal values, whatever the order of their keys. Two values may share one by chance
 * (53 bits) or by malice, so it only decides whether a repeated id came with the same payload. Throws a `PosthornError`
 * (`invalid-payload`) if the value cannot be read, or is nested deeper than 1,000.
 */
export function fingerprint(value: unknown): string {
  const hash = new Hash();
  try {
    write(hash, value, []);
  } catch (cause) {
    const why = `its payload cannot be read: ${messageOf(cause)}`;
    throw new PosthornError("invalid-payload", `Cannot name a message: ${why}`, { cause });
  }
  return hash.text();
}

/** Two 32-bit multiplicative hashes over the same characters: cheap, and 53 bits together. */
class Hash {
  #high = 0xdeadbeef;
  #low = 0x41c6ce57;

  add(text: string): void {
    for (let index = 0; index < text.length; index++) {
      const code = text.charCodeAt(index);
      this.#high = Math.imul(this.#high ^ code, 2654435761);
      this.#low = Math.imul(this.#low ^ code, 1597334677);
    }
  }

  text(): string {
    const high = Math.imul(this.#high ^ (this.#high >>> 16), 2246822507) ^
      Math.imul(this.#low ^ (this.#low >>> 13), 3266489909);
    const low = Math.imul(this.#low ^ (this.#low >>> 16), 2246822507) ^
      Math.imul(this.#high ^ (this.#high >>> 13), 3266489909);
    return (4294967296 * (2097151 & high) + (low >>> 0)).toString(36);
  }
}

/** How deep a value may be nested: as deep as a value in a store may be. */
const depthMax = 1_000;

/** Hashes a value; `path` are the objects that contain it. */
function write(hash: Hash, value: unknown, path: object[]): void {
  if (typeof value !== "object" || value === null) {
    const text = String(value);
    hash.add(`${typeof value}:${text.length}:${text};`); // its length keeps pairs of texts apart
    return;
  }
  const depth = path.indexOf(value);
  if (depth >= 0) return hash.add(`cycle:${depth};`);
  if (path.length >= depthMax) throw new RangeError(`it is nested deeper than ${depthMax}`);
  path.push(value);
  hash.add(`${Object.prototype.toString.call(value)}{`);
  if (value instanceof Date || value instanceof RegExp || value instanceof URL || value instanceof Error) {
    const text = String(value instanceof Date ? value.getTime() : value);
    hash.add(`${text.length}:${text}`);
  } else if (ArrayBuffer.isView(value)) {
    hash.add(new Uint8Array(value.buffer, value.byteOffset, value.byteLength).join());
  } else if (value instanceof Map || value instanceof Set) {
    for (const entry of value) write(hash, entry, path);
  } else {
    for (const key of Object.keys(value).sort()) {
      hash.add(`${key.length}:${key}=`);
      write(hash, (value as Record<string, unknown>)[key], path);
    }
  }
  hash.add("}");
  path.pop();
}
