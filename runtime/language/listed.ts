import { type NamedProtocol, type Operation, operationsOf } from "./protocol.ts";

/** A protocol with all its operations, or one operation. */
export type Listed = NamedProtocol<string> | Operation;

/**
 * The operations that a list of a user names. Throws a `TypeError` if it has something else: a misspelt one is `undefined`.
 */
export function listedIn(list: string, given: readonly Listed[]): Operation[] {
  if (!Array.isArray(given)) {
    throw new TypeError(`Cannot use ${list}: it must be a list of protocols and operations`);
  }
  return given.flatMap((listed: Partial<Operation> | null | undefined, index) => {
    const why = `its entry ${index} is neither a protocol nor an operation of one`;
    if (typeof listed !== "object" || listed === null) throw new TypeError(`Cannot use ${list}: ${why}`);
    if ("~protocol" in listed) return Object.values(operationsOf(listed as NamedProtocol<string>));
    const { protocol, name, mode } = listed;
    if ([protocol, name, mode].some((part) => typeof part !== "string")) {
      throw new TypeError(`Cannot use ${list}: ${why}`);
    }
    return [listed as Operation];
  });
}
