import { decodeValue } from "./value_codec.ts";

/** The format of the rows that this program reads and writes. It changes if an older program could not read them. */
export const format = 1;
/** The format of a store into which another one is being copied: no program opens it. */
export const copying = "copying";

/** The first row of a store, which says how to read the others. */
export interface DurabilityRow {
  readonly instance: string;
  /** When it was written, in milliseconds since 1970. */
  readonly atMs: number;
  readonly format: number | typeof copying;
  /** The name of the store, which whoever came first gave to it. */
  readonly store: string;
}

/** Reads the first row. Throws if that is impossible. */
export function readDurabilityRow(
  value: Uint8Array,
): Partial<DurabilityRow> & Pick<DurabilityRow, "instance" | "atMs"> {
  const row = decodeValue<DurabilityRow>(value).head;
  new Date(row.atMs).toISOString(); // throws unless it is a time
  return row;
}

/** Why a program does not open a store of a format; `undefined` if it does. */
export function faultOfFormat(found: number | string = format): string | undefined {
  if (found === format) return undefined;
  if (found === copying) {
    return "another store is being copied into it, or that was interrupted: copy it again";
  }
  return `its rows have the format ${found}, and this program knows the format ${format}`;
}
