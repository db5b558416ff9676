import { jsonText } from "./json_text.ts";
import { typedArrays } from "./revive.ts";
import { loadSuperjson } from "./superjson.ts";

/**
 * Returns a value as superjson, or `undefined` if superjson cannot represent it and would silently write
 * something else: a class instance, a promise, a function, a buffer, an array with holes or named properties,
 * a typed array that superjson does not support or that contains `NaN`, an infinity or `-0`. Of an error,
 * name, message and cause are written; an invalid date is written as `null`.
 *
 * A value that is referenced twice is written twice, because superjson's annotations of referential equality
 * fail for values within a set or as keys of a map. So a cycle cannot be represented.
 */
export async function superjsonText(value: unknown): Promise<string | undefined> {
  const superjson = await loadSuperjson();
  try {
    if (!isSaid(value, [])) return undefined;
    const { json, meta } = superjson.serialize(value);
    const { referentialEqualities: _, ...kept } = meta ?? {};
    return JSON.stringify(kept.values === undefined ? { json } : { json, meta: kept });
  } catch {
    return undefined;
  }
}

function isSaid(value: unknown, above: readonly object[]): boolean {
  if (typeof value === "function" || typeof value === "symbol") return false;
  if (typeof value !== "object" || value === null) return true;
  if (above.includes(value)) return false;
  const around = [...above, value];
  const parts = partsOf(value);
  if (parts === undefined) return "toJSON" in value && jsonText(value) !== undefined;
  for (const part of parts) if (!isSaid(part, around)) return false;
  return true;
}

/** The parts of a value; `undefined` if superjson does not support its type. */
function partsOf(value: object): Iterable<unknown> | undefined {
  if (Array.isArray(value)) return Object.keys(value).length === value.length ? value : undefined;
  if (value instanceof Set) return value;
  if (value instanceof Map) return [...value].flat();
  if (value instanceof Date || value instanceof RegExp || value instanceof URL) return [];
  if (value instanceof Error) return [value.cause];
  if (ArrayBuffer.isView(value)) return isArrayOfNumbers(value) ? [] : undefined;
  const prototype = Object.getPrototypeOf(value);
  const isPlain = prototype === null || prototype === Object.prototype;
  return isPlain && Object.getOwnPropertySymbols(value).length === 0 ? Object.values(value) : undefined;
}

function isArrayOfNumbers(view: ArrayBufferView): boolean {
  if (typedArrays.get(view.constructor.name) !== view.constructor) return false;
  return (view as Float64Array).every((item) => Number.isFinite(item) && !Object.is(item, -0));
}
