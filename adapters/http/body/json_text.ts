/**
 * A value as JSON, or nothing where JSON cannot say it and would make something else of it without a word: a map, a set,
 * bytes, an error or another class instance `{}`, `NaN` and the infinities `null`, a hole or `undefined` within an array
 * `null`, a function or a symbol nothing at all. Big integers and cycles have no JSON either.
 *
 * What JSON says in its own way counts as said: `undefined` alone is `null`, a key whose value is `undefined` is left
 * out, `-0` is `0`, and what has `toJSON` is what that makes of it: a date is its ISO text, unless it is invalid.
 */
export function jsonText(value: unknown): string | undefined {
  try {
    const text = JSON.stringify(value); // a cycle ends here, so what follows comes to an end
    return value === undefined || isSaid(value) ? text ?? "null" : undefined;
  } catch {
    return undefined;
  }
}

function isSaid(value: unknown): boolean {
  switch (typeof value) {
    case "string":
    case "boolean":
    case "bigint": // it has text only where the program has given all of them a `toJSON`
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
    if (said === null || said === undefined) return false; // as an invalid date says that it has no text
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

/** Whether it is of no class; also where it comes from another realm, whose `Object` is another one. */
function isPlain(value: object): boolean {
  const prototype = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype || Object.getPrototypeOf(prototype) === null;
}
