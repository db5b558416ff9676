/**
 * Rebuilds a superjson value in place. It is stricter than superjson itself: only the types below are
 * allowed, an annotation must refer to an existing value, and each value has at most one. So a few characters
 * of an untrusted client cannot create an array with a billion elements, count through a set for each of
 * them, or compile a regular expression that takes forever to match.
 *
 * The recursion is bounded by the depth of the body. Throws an `Error` if the value is not valid superjson.
 */
export function revive(value: unknown, annotations: unknown): unknown {
  if (annotations === undefined) return value;
  if (!Array.isArray(annotations)) return reviveInside(value, annotations);
  const [type, inside] = annotations;
  if (inside !== undefined) reviveInside(value, inside);
  return reviveAs(type, value);
}

function reviveInside(value: unknown, annotations: unknown): unknown {
  if (typeof annotations !== "object" || annotations === null) throw new TypeError("No annotations");
  for (const [path, inside] of Object.entries(annotations)) {
    const keys = parsePath(path);
    const last = keys.pop()!;
    let parent = value;
    for (const key of keys) parent = containerOf(parent, key)[key];
    const container = containerOf(parent, last);
    container[last] = revive(container[last], inside);
  }
  return value;
}

/**
 * Returns a value as the container of an own key. Prototypes, and maps and sets that were rebuilt, cannot be
 * reached.
 */
function containerOf(value: unknown, key: string): Record<string, unknown> {
  if (typeof value === "object" && value !== null && Object.hasOwn(value, key)) {
    return value as Record<string, unknown>;
  }
  throw new TypeError(`Nothing is at ${key}`);
}

/** Splits a path at its dots. A backslash escapes a dot or a backslash. */
function parsePath(path: string): string[] {
  const keys = [""];
  for (let index = 0; index < path.length; index++) {
    const escaped = path[index] === "\\" && (path[index + 1] === "." || path[index + 1] === "\\");
    if (escaped) index++;
    if (path[index] === "." && !escaped) keys.push("");
    else keys[keys.length - 1] += path[index];
  }
  return keys;
}

const numbers = new Map([["NaN", NaN], ["Infinity", Infinity], ["-Infinity", -Infinity], ["-0", -0]]);
/** The typed arrays that superjson supports, by name. */
export const typedArrays = new Map([
  Int8Array,
  Uint8Array,
  Uint8ClampedArray,
  Int16Array,
  Uint16Array,
  Int32Array,
  Uint32Array,
  Float32Array,
  Float64Array,
].map((constructor) => [constructor.name, constructor]));

function reviveAs(type: unknown, value: unknown): unknown {
  if (type === "undefined" && value === null) return undefined;
  if (type === "set" && Array.isArray(value)) return new Set(value);
  if (type === "map" && Array.isArray(value)) return new Map(value.map(requirePair));
  if (typeof value === "string") {
    if (type === "bigint" && /^-?\d{1,4096}$/.test(value)) return BigInt(value);
    if (type === "Date" && !Number.isNaN(Date.parse(value))) return new Date(value);
    if (type === "number" && numbers.has(value)) return numbers.get(value);
    if (type === "URL") return new URL(value);
  }
  if (Array.isArray(type) && type[0] === "typed-array" && isNumbers(value)) {
    const TypedArray = typedArrays.get(type[1]);
    if (TypedArray !== undefined) return new TypedArray(value);
  }
  throw new TypeError(`The type ${JSON.stringify(type)} is not allowed for this value`);
}

function requirePair(entry: unknown): [unknown, unknown] {
  if (Array.isArray(entry) && entry.length === 2) return entry as [unknown, unknown];
  throw new TypeError("An entry of a map is not a pair");
}

function isNumbers(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((item) => typeof item === "number");
}
