import { messageOf, PosthornError } from "./errors.ts";
import { shorten } from "./shorten.ts";

/** The maximum length in characters of a path in an error message. */
const pathUnitsMax = 200;
/** The maximum depth of data. A value that contains itself exceeds it. */
const depthMax = 1_000;
/** The maximum number of values in one: a value that is referenced several times is written as often. */
const valuesMax = 10_000_000;

/**
 * Throws unless a value is plain data, which a store returns as it was written. Data are: strings, booleans, numbers,
 * `null`, `undefined` and big integers; plain objects and arrays of data; maps and sets of data; valid dates, URLs, and
 * regular expressions whose `lastIndex` is 0; typed arrays of 8 to 32 bits, and of floats that are finite and not -0.
 *
 * Nothing else is: no property `__proto__`, and no `constructor` or `prototype` in a value that JSON cannot represent; no
 * function, symbol, promise, error or instance of a class; no object without a prototype, no array with holes or named
 * properties, no accessor; nothing that contains itself, or is nested deeper than 1,000. An object that is referenced
 * twice is read as two objects.
 *
 * A system with a store refuses all other values by itself. A system without one does not check them, because that would
 * cost each message. Use this function in the tests of actors that will be durable later.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { requireStorable } from "@posthorn/posthorn/testing";
 *
 * requireStorable({ at: new Date(0), tags: new Set(["tea"]) });
 * assert.throws(() => requireStorable({ total: Promise.resolve(1) }), { code: "not-storable" });
 * ```
 *
 * @param value what a payload, a reply or a state would be
 * @throws {PosthornError} `not-storable`; the message names the value and its path
 */
export function requireStorable(value: unknown): void {
  isJson(value);
}

/** Whether JSON returns exactly this value. Throws as {@linkcode requireStorable} does if it is not plain data. */
export function isJson(value: unknown): boolean {
  const walk = new Walk();
  try {
    const json = walk.value(value);
    if (json || walk.onlyJson === undefined) return json;
    walk.path.push(...walk.onlyJson);
    throw new NoData("a property of that name beside what JSON cannot say,");
  } catch (cause) {
    const what = cause instanceof NoData ? `${walk.path.length > 0 ? "it has" : "it is"} ` : "";
    const where = walk.path.length > 0 ? ` at ${shorten(walk.path.join("."), pathUnitsMax)}` : "";
    throw new PosthornError("not-storable", `Cannot store a value: ${what}${messageOf(cause)}${where}`);
  }
}

/** A part of a value that is not plain data. */
class NoData extends Error {}

const floats: readonly unknown[] = [Float32Array, Float64Array].map(({ prototype }) => prototype);
const integers: readonly unknown[] = [
  Uint8Array,
  Int8Array,
  Uint8ClampedArray,
  Int16Array,
  Uint16Array,
  Int32Array,
  Uint32Array,
].map(({ prototype }) => prototype);

/** One check of a value. Each method returns whether JSON returns the value unchanged, and throws if it is not data. */
class Walk {
  /** The path to the present part. */
  readonly path: unknown[] = [];
  /** The path to the first part that only JSON can represent. */
  onlyJson: readonly unknown[] | undefined = undefined;
  #left = valuesMax;

  value(value: unknown): boolean {
    if (--this.#left < 0) throw new NoData(`more than ${valuesMax} values`);
    switch (typeof value) {
      case "string":
      case "boolean":
        return true;
      case "number":
        return Number.isFinite(value) && !Object.is(value, -0);
      case "undefined":
      case "bigint":
        return false;
      case "object":
        return value === null || this.#object(value);
      default:
        throw new NoData(`a ${typeof value}`);
    }
  }

  #object(value: object): boolean {
    if (this.path.length >= depthMax) {
      this.path.length = 3;
      throw new NoData(`something that contains itself, or is nested deeper than ${depthMax},`);
    }
    const prototype = Object.getPrototypeOf(value);
    if (prototype === Object.prototype) return this.#plain(value as Record<string, unknown>);
    if (prototype === Array.prototype) return this.#array(value as readonly unknown[]);
    this.#rich(value, prototype);
    return false;
  }

  #plain(value: Record<string, unknown>): boolean {
    if (Object.getOwnPropertySymbols(value).length > 0) throw new NoData("a symbol as a key");
    let json = true;
    for (const name of Object.getOwnPropertyNames(value)) { // with the symbols it is much slower
      const property = Object.getOwnPropertyDescriptor(value, name)!;
      this.path.push(name);
      if (name === "__proto__") throw new NoData("a property of that name");
      if (name === "constructor" || name === "prototype") this.onlyJson ??= [...this.path];
      if (!("value" in property)) throw new NoData("an accessor");
      if (!property.enumerable) throw new NoData("a property that is not enumerable");
      if (!this.value(property.value)) json = false;
      this.path.pop();
    }
    return json;
  }

  #array(value: readonly unknown[]): boolean {
    const keys = Object.keys(value); // in that order: those of elements, then names
    const whole = keys.length === value.length &&
      (keys.length === 0 || keys[keys.length - 1] === String(keys.length - 1));
    if (!whole || Object.getOwnPropertySymbols(value).length > 0) {
      throw new NoData("an array with holes or names");
    }
    let json = true;
    for (let index = 0; index < value.length; index++) {
      this.path.push(index);
      if (!this.value(value[index])) json = false;
      this.path.pop();
    }
    return json;
  }

  /** Throws unless superjson returns the value unchanged. */
  #rich(value: object, prototype: unknown): void {
    const array = floats.includes(prototype) || integers.includes(prototype);
    if (array && !ArrayBuffer.isView(value)) throw noData(value); // it only has the prototype
    if (floats.includes(prototype)) {
      for (const number of value as Float64Array) {
        const same = Number.isFinite(number) && !Object.is(number, -0);
        if (!same) throw new NoData(`a typed array with ${Object.is(number, -0) ? "-0" : number}`);
      }
      return;
    }
    if (array) return;
    if (prototype === URL.prototype) {
      if (Object.keys(value).length > 0) throw noData(value);
      return void (value as URL).href; // throws if it only has the prototype
    }
    if (Reflect.ownKeys(value).length > (prototype === RegExp.prototype ? 1 : 0)) throw noData(value);
    if (prototype === Map.prototype) this.#parts([...value as Map<unknown, unknown>].flat());
    else if (prototype === Set.prototype) this.#parts(value as Set<unknown>);
    else if (prototype === Date.prototype) {
      if (Number.isNaN((value as Date).getTime())) throw new NoData("an invalid date");
    } else if (prototype === RegExp.prototype) {
      if ((value as RegExp).lastIndex !== 0) throw new NoData("a regular expression in the midst of a text");
    } else throw noData(value);
  }

  #parts(parts: Iterable<unknown>): void {
    let index = 0;
    for (const part of parts) {
      this.path.push(index++);
      this.value(part);
      this.path.pop();
    }
  }
}

function noData(value: object): NoData {
  if (Object.getPrototypeOf(value) === null) return new NoData("an object without a prototype");
  const { name } = value.constructor ?? {};
  return new NoData(
    typeof name === "string" && name !== "" ? `an instance of ${name}` : "an instance of a class",
  );
}
