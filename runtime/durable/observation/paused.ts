import type { RowReader } from "./row_reader.ts";
import { readableHead } from "../rows/readable_head.ts";

/** The key of the row that names the paused protocols. */
const pausedKey = "paused";

/** The protocols that are paused. */
export async function pausedIn(reader: RowReader): Promise<ReadonlySet<string>> {
  const row = await reader.one(pausedKey);
  const { protocols } = (row && readableHead<{ readonly protocols?: unknown }>(row.value)) ?? {};
  return new Set(Array.isArray(protocols) ? protocols.filter((name) => typeof name === "string") : []);
}
