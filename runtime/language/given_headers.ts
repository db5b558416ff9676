import { hasCapital } from "../base/header_names.ts";
import { messageOf, PosthornError } from "../base/errors.ts";

type Headers = Readonly<Record<string, string>>;

/**
 * The maximum number of headers of a message, and the maximum number of bytes of their names and values
 * together.
 */
const headersMax = 64;
const bytesMax = 8_192;
/** The most bytes that one UTF-16 unit takes. */
const bytesOfUnit = 3;
/** What a property has that an assignment makes. An assignment to `__proto__` would make none. */
const own = { enumerable: true, configurable: true, writable: true };

/**
 * Returns a plain, frozen copy of the headers from a caller, or these themselves if they are that already; later changes of the
 * given object have no effect. Headers travel with the message and with all messages that its turn sends. Throws a
 * `PosthornError`: `invalid-headers` unless they are a plain object of strings, `too-large` if there are more
 * than 64 or they take more than 8 KiB.
 */
export function givenHeaders(given: Headers): Headers {
  return withinBounds(copyOf(given));
}

/** Headers with others that a caller gives, which take precedence. Throws as {@linkcode givenHeaders} does. */
export function withHeaders(headers: Headers | undefined, others: Headers): Headers {
  const given = copyOf(others);
  return withinBounds(headers === undefined ? given : mergedHeaders(headers, given));
}

/**
 * Headers with others, which take precedence. A name in other letters is the same: other services see it in lower case, so
 * a message with both could not be sent to them.
 */
export function mergedHeaders(headers: Headers, others: Headers): Headers {
  const merged: Record<string, string> = { ...headers, ...others };
  if (!hasCapital(merged)) return merged;
  const taken = new Set(Object.keys(others).map((name) => name.toLowerCase()));
  for (const name of Object.keys(headers)) {
    if (!Object.hasOwn(others, name) && taken.has(name.toLowerCase())) delete merged[name];
  }
  return merged;
}

function copyOf(given: Headers): Headers {
  const names = readable(() => namesOf(given));
  requireAtMost(names.length, headersMax, "headers");
  return readable(() => {
    if (isFrozenData(given, names)) return given;
    const copy: Record<string, string> = {};
    for (const name of names) {
      if (name === "__proto__") Object.defineProperty(copy, name, { ...own, value: given[name] });
      else copy[name] = given[name];
    }
    return copy;
  });
}

/** Whether an object has these properties alone, and none can ever change: not what a getter returns either. */
function isFrozenData(given: Headers, names: readonly string[]): boolean {
  return Object.isFrozen(given) && Object.getPrototypeOf(given) === Object.prototype &&
    Reflect.ownKeys(given).length === names.length &&
    names.every((name) => Object.getOwnPropertyDescriptor(given, name)?.get === undefined);
}

/** Plain headers, frozen. Throws unless they are texts within the bounds. */
function withinBounds(headers: Headers): Headers {
  const names = Object.keys(headers);
  requireAtMost(names.length, headersMax, "headers");
  let units = 0;
  for (const name of names) {
    const value: unknown = headers[name];
    if (typeof value !== "string") throw refused(`one of them is no text, but of type ${typeof value}`);
    units += name.length + value.length;
  }
  if (units * bytesOfUnit > bytesMax) requireAtMost(bytesOf(Object.entries(headers)), bytesMax, "bytes");
  return Object.freeze(headers);
}

function bytesOf(entries: readonly (readonly [string, string])[]): number {
  const encoder = new TextEncoder();
  const bytes = (text: string) => encoder.encode(text).length;
  return entries.reduce((sum, [name, value]) => sum + bytes(name) + bytes(value), 0);
}

function namesOf(given: Headers): string[] {
  const prototype: unknown = Object.getPrototypeOf(given);
  if (typeof given !== "object" || (prototype !== Object.prototype && prototype !== null)) {
    throw new TypeError("they are no plain object");
  }
  return Object.keys(given);
}

function readable<Result>(read: () => Result): Result {
  try {
    return read();
  } catch (error) {
    throw refused(messageOf(error));
  }
}

function requireAtMost(count: number, most: number, what: string): void {
  if (count <= most) return;
  throw new PosthornError("too-large", `Cannot send these headers: they are ${count} of ${most} ${what}`);
}

function refused(why: string): PosthornError {
  return new PosthornError("invalid-headers", `Cannot send these headers: ${why}`);
}
