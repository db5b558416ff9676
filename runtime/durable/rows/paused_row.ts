import type { StoreConnection } from "../../ports/store.ts";
import { pausedKey } from "./keys.ts";
import { decodeValue, encodeValue } from "./value_codec.ts";

/** The protocols that are paused. */
interface PausedRow {
  readonly protocols: readonly string[];
}

/** The row of the protocols that are paused, as it was read. */
export interface PausedProtocols {
  readonly protocols: ReadonlySet<string>;
  readonly version: string | undefined;
  /** Why the row cannot be read: then nothing is paused. */
  readonly fault?: unknown;
}

/** Reads which protocols are paused. */
export async function readPaused(connection: Pick<StoreConnection, "read">): Promise<PausedProtocols> {
  const [row] = await connection.read([pausedKey]);
  if (row === undefined) return { protocols: new Set(), version: undefined };
  const { version } = row;
  try {
    const { protocols } = decodeValue<PausedRow>(row.value).head;
    if (!protocols.every((name) => typeof name === "string")) throw new TypeError("a name is no text");
    return { protocols: new Set(protocols), version };
  } catch (fault) {
    return { protocols: new Set(), version, fault };
  }
}

/** The value of the row that names these protocols. */
export function pausedRow(protocols: ReadonlySet<string>): Uint8Array {
  const row: PausedRow = { protocols: [...protocols].sort() };
  return encodeValue(row, "");
}
