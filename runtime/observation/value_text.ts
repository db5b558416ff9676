import { shorten } from "../base/shorten.ts";

/** How deep a value is shown. */
const depthMax = 100;
const unreadable = "what cannot be read";

/**
 * The beginning of a value as text: JSON, and for what JSON cannot hold something for people. However large the value is,
 * little more of it is read than is shown; it may contain itself, or throw when it is read.
 */
export function valueText(value: unknown, unitsMax: number): string {
  const writer = new Writer(unitsMax);
  try {
    writer.write(value, 0);
  } catch { // a getter that throws, or a Proxy that was revoked
    writer.add(unreadable);
  }
  return shorten(writer.text, unitsMax);
}

class Writer {
  text = "";
  readonly #most: number;

  constructor(unitsMax: number) {
    this.#most = unitsMax;
  }

  add(text: string): void {
    this.text += text;
  }

  write(value: unknown, depth: number): void {
    if (this.#full) return;
    if (depth > depthMax) return this.add("…");
    if (typeof value === "string") return this.#string(value);
    if (typeof value === "bigint") return this.add(`${value}n`);
    if (typeof value === "number" || typeof value === "boolean" || value === null) {
      return this.add(`${value}`);
    }
    if (value === undefined) return this.add("undefined");
    if (typeof value !== "object") return this.add(`"${typeof value}"`);
    if (value instanceof Date || value instanceof URL || value instanceof RegExp) {
      return this.#string(value instanceof Date ? value.toISOString() : String(value));
    }
    if (ArrayBuffer.isView(value)) return this.#string(`${value.byteLength} bytes`);
    if (value instanceof Error) return this.#string(`${value.name}: ${value.message}`);
    if (Array.isArray(value) || value instanceof Set || value instanceof Map) return this.#list(value, depth);
    this.#object(value as Readonly<Record<string, unknown>>, depth);
  }

  get #full(): boolean {
    return this.text.length > this.#most;
  }

  #string(value: string): void {
    const room = this.#most - this.text.length + 1;
    this.add(JSON.stringify(value.length > room ? value.slice(0, room) : value));
  }

  /** A list; a map is a list of its entries. */
  #list(list: Iterable<unknown>, depth: number): void {
    this.add("[");
    let isFirst = true;
    for (const item of list) {
      if (this.#full) return;
      if (!isFirst) this.add(",");
      isFirst = false;
      this.write(item, depth + 1);
    }
    this.add("]");
  }

  #object(value: Readonly<Record<string, unknown>>, depth: number): void {
    this.add("{");
    let isFirst = true;
    for (const name of Object.keys(value)) {
      if (this.#full) return;
      const member = value[name];
      if (member === undefined) continue;
      if (!isFirst) this.add(",");
      isFirst = false;
      this.#string(name);
      this.add(":");
      this.write(member, depth + 1);
    }
    this.add("}");
  }
}
