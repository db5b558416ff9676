import type { Operation } from "./protocol.ts";

/**
 * Whether the payload needs no validation: its schema is unchecked, or there is neither a schema nor a
 * payload.
 */
export function fitsAsItIs(operation: Operation, payload: unknown): boolean {
  return operation.unchecked === true || (payload === undefined && operation.payload === undefined);
}
