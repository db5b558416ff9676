import { messageOf, PosthornError } from "../base/errors.ts";

type Headers = Readonly<Record<string, string>>;

/** How many headers a message has at the most, and how many bytes their names and values take together. */
const headersMax = 64;
const bytesMax = 8_192;

/**
 * A plain copy of the headers that somebody gave: they travel with the message and with all that its turn sends, and what
 * becomes of the given object is nothing to them. Throws a `PosthornError`: `invalid-headers` unless they are a plain
 * object of strings, `too-large` where they are more than 64 or take more than 8 KiB.
 */
export function givenHeaders(given: Headers): Headers {
  const names = readable(() => namesOf(given));
  requireAtMost(names.length, headersMax, "headers");
  const entries = names.map((name) => [name, readable(() => given[name])] as const);
  const encoder = new TextEncoder();
  let bytes = 0;
  for (const [name, value] of entries) {
    if (typeof value !== "string") throw refused(`one of them is no text, but of type ${typeof value}`);
    bytes += encoder.encode(name).length + encoder.encode(value).length;
  }
  requireAtMost(bytes, bytesMax, "bytes");
  return Object.freeze(Object.fromEntries(entries));
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
