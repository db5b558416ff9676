import { RetryableError, TerminalError } from "@posthorn/posthorn";

/** Throws: a getter or trap of an object that cannot be read. */
export function broken(): never {
  throw new Error("it does not let itself be looked at");
}

function revoked(target: object): unknown {
  const { proxy, revoke } = Proxy.revocable(target, {});
  revoke();
  return proxy;
}

/** An error of this class with one unreadable property. */
function unreadable<Thrown extends Error>(error: Thrown, ...parts: readonly string[]): Thrown {
  for (const part of parts) Object.defineProperty(error, part, { get: broken });
  return error;
}

/** An object that can be read this many times. */
function flickering(times: number): unknown {
  let left = times;
  return new Proxy(new TerminalError("odd"), {
    getPrototypeOf: (target) => left-- > 0 ? Object.getPrototypeOf(target) : broken(),
  });
}

/** Unusual values to throw, by name; created anew each time. */
export const oddThings: readonly (readonly [name: string, make: () => unknown])[] = [
  ["nothing", () => undefined],
  ["null", () => null],
  ["text", () => "text"],
  ["a symbol", () => Symbol("odd")],
  ["a big integer", () => 3n],
  ["an object without a prototype", () => Object.create(null)],
  ["an object whose toString throws", () => ({ toString: broken })],
  ["a thenable", () => ({ then() {} })],
  ["a thenable whose then cannot be read", () => Object.defineProperty({}, "then", { get: broken })],
  ["a revoked Proxy", () => revoked({})],
  ["a revoked Proxy of a function", () => revoked(broken)],
  ["a Proxy without a prototype", () => new Proxy({}, { getPrototypeOf: broken, get: broken })],
  ...[1, 2, 3, 4, 5, 6].map((times) =>
    [`a Proxy that can be looked at ${times} times`, () => flickering(times)] as const
  ),
  ["an error without a readable message", () => unreadable(new Error("odd"), "message")],
  [
    "an error without a readable name and stack",
    () => unreadable(new Error("odd"), "name", "stack", "cause"),
  ],
  [
    "an error whose message is a number",
    () => Object.defineProperty(new Error("odd"), "message", { value: 7n }),
  ],
  ["a terminal error without a readable message", () => unreadable(new TerminalError("odd"), "message")],
  ["a terminal error without a readable code", () => unreadable(new TerminalError("odd"), "code")],
  ["a terminal error whose code is a number", () => Object.assign(new TerminalError("odd"), { code: 7 })],
  [
    "a retry error without a readable time",
    () => unreadable(new RetryableError("odd", { afterMs: 1 }), "afterMs"),
  ],
  [
    "a retry error without a number",
    () => Object.assign(new RetryableError("odd", { afterMs: 1 }), { afterMs: NaN }),
  ],
  ["a frozen error", () => Object.freeze(new Error("odd"))],
  ["an error of many letters", () => new Error("x".repeat(100_000))],
  ["an error with control characters", () => new Error("a\u0000b\ud800")],
];
