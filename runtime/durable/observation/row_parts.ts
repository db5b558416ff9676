import type { Address } from "../../language/address.ts";

/** A part of a row that is text. Throws if it is none: another program may have written the row. */
export function textIn(part: unknown): string {
  if (typeof part !== "string") throw new TypeError("a part of it is no text");
  return part;
}

/** A part of a row that is a number. Throws if it is none. */
export function numberIn(part: unknown): number {
  if (typeof part !== "number") throw new TypeError("a part of it is no number");
  return part;
}

/** A part of a row that is an address. Throws if it is none. */
export function addressIn(part: Partial<Address> | undefined): Address {
  const { protocol, key, operation } = part ?? {};
  return { protocol: textIn(protocol), key: textIn(key), operation: textIn(operation) };
}
