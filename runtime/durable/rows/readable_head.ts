import { decodeValue } from "./value_codec.ts";

/** The head of a row; `undefined` if the row cannot be read. */
export function readableHead<Head>(value: Uint8Array): Head | undefined {
  try {
    return decodeValue<Head | null>(value).head ?? undefined;
  } catch {
    return undefined;
  }
}
