import { type OptionNames, requireKnownOptions } from "../base/option_names.ts";
import { namePattern } from "../language/protocol.ts";
import type { WhichLetter } from "./control.ts";
import type { DeadLetter } from "./dead_letters.ts";
import type { DeadLetterFilter } from "./observation.ts";

const filterNames: OptionNames<DeadLetterFilter> = { operation: true, protocol: true, reason: true };

/** How many dead letters one action resends or discards. */
export const changedMax = 10_000;

/**
 * Throws unless it is a filter. A field that is there and is `undefined` is refused, as is a `Map` or another object that has
 * fields of its own in no other way: what a program meant to be one protocol must not match all of them.
 */
export function requireFilter(what: string, filter: DeadLetterFilter): void {
  requireKnownOptions(what, filter, filterNames);
  if (Object.keys(filter).length === 0 && !isPlain(filter)) {
    throw new TypeError(`Cannot use the filter of ${what}: it must be a plain object`);
  }
  for (const [name, value] of Object.entries(filter)) {
    if (typeof value === "string") continue;
    throw new RangeError(`Cannot use ${name} of ${what}: it must be text: current value is ${String(value)}`);
  }
}

/** Whether an object is written as `{}`, in whatever realm. */
function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

/** Whether a dead letter is one of those that are meant. */
export function matches(
  { protocol, reason, operation }: DeadLetterFilter,
  letter: Pick<DeadLetter, "protocol" | "reason" | "operation">,
): boolean {
  return (protocol === undefined || protocol === letter.protocol) &&
    (reason === undefined || reason === letter.reason) &&
    (operation === undefined || operation === letter.operation);
}

/** Whether a dead letter has that id, and is the one that is meant if several have it. */
export function isMeant(
  { id, protocol, key, atMs }: Pick<DeadLetter, "id" | keyof WhichLetter>,
  meant: string,
  which?: WhichLetter,
): boolean {
  if (id !== meant || which === undefined) return id === meant;
  return protocol === which.protocol && key === which.key && atMs === which.atMs;
}

/** Throws a `RangeError` unless it is a name that a protocol of a user can have. */
export function requireProtocol(verb: string, protocol: string): void {
  if (typeof protocol === "string" && namePattern.test(protocol)) return;
  const name = JSON.stringify(String(protocol).slice(0, 80));
  throw new RangeError(`Cannot ${verb} ${name}: the name of a protocol must match ${namePattern}`);
}
