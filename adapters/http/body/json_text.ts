/**
 * Returns a value as JSON, or `undefined` if JSON cannot represent it and `JSON.stringify` would silently
 * write something else: `{}` for a map, a set, bytes, an error or another class instance; `null` for `NaN`,
 * an infinity, or for a hole or `undefined` within an array; nothing at all for a function or a symbol. Big
 * integers and cycles cannot be represented either.
 *
 * Conversions that JSON defines are accepted: `undefined` alone is `null`, a key whose value is `undefined`
 * is left out, `-0` is `0`, and an object with `toJSON` is the result of that, so a date is its ISO text,
 * unless it is invalid.
 */
export function jsonText(value: unknown): string | undefined {
  try {
    const text = JSON.stringify(value); // throws if there is a cycle, so that the check below terminates
    return value === undefined || isSaid(value) ? text ?? "null" : undefined;
  } catch {
    return undefined;
  }
}

function isSaid(value: unknown): boolean {
  switch (typeof value) {
    case "string":
    case "boolean":
    case "bigint": // JSON.stringify has thrown unless the program defines `BigInt.prototype.toJSON`
      return true;
    case "number":
      return Number.isFinite(value);
    case "object":
      return value === null || isObjectSaid(value);
    default:
      return false;
  }
}

function isObjectSaid(value: object): boolean {
  if ("toJSON" in value && typeof value.toJSON === "function") {
    const said = value.toJSON("");
    if (said === null || said === undefined) return false; // as the `toJSON` of an invalid date returns
    return typeof said === "object" ? areInsidesSaid(said) : isSaid(said);
  }
  return areInsidesSaid(value);
}

function areInsidesSaid(value: object): boolean {
  if (Array.isArray(value)) {
    for (const item of value) if (!isSaid(item)) return false;
    return true;
  }
  if (!isPlain(value)) return false;
  for (const key in value) {
    if (!Object.hasOwn(value, key)) continue;
    const inner = (value as Record<string, unknown>)[key];
    if (inner !== undefined && !isSaid(inner)) return false;
  }
  return Object.getOwnPropertySymbols(value).length === 0;
}

/** Whether a value is a plain object, possibly of another realm with another `Object`. */
function isPlain(value: object): boolean {
  const prototype = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype || Object.getPrototypeOf(prototype) === null;
}
