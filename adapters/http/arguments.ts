import { parse } from "../../runtime/language/parse.ts";
import type { Operation } from "../../runtime/language/protocol.ts";

/**
 * What a send gets behind the operation: the options come first if it has no payload. Throws an
 * `InvalidPayloadError` if a request has a body for such an operation.
 */
export function argumentsOf<Options>(
  operation: Operation,
  payload: unknown,
  options: Options,
): [payload?: unknown, options?: Options] {
  if (operation.payload !== undefined) return [payload, options];
  parse(undefined, payload, "Cannot accept", { toString: () => `${operation.protocol}.${operation.name}` });
  return [options];
}
