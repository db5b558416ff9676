import type { Found, Listing, Range } from "../../observation/listing.ts";
import type { ObservedLane } from "../../ports/observation.ts";
import { outboxLanePrefix, outboxPrefix } from "../rows/keys.ts";
import { readableHead } from "../rows/readable_head.ts";
import { partsOf } from "./mail_walk.ts";
import type { RowReader } from "./row_reader.ts";

/** The lanes of the outbox that have messages, by name. */
export async function observedLanes(
  reader: RowReader,
  { after, limit, countMax }: Range,
): Promise<Listing<ObservedLane>> {
  const { parts, more } = await partsOf(reader, outboxPrefix, after, limit);
  const found: Found<ObservedLane>[] = [];
  for (const [index, lane] of parts.entries()) {
    const most = Math.max(1, Math.min(countMax, Math.floor(reader.left / (parts.length - index))));
    let oldestMs: number | undefined;
    let isFirst = true;
    const waiting = await reader.count(outboxLanePrefix(lane), most, ({ value }) => {
      if (isFirst) oldestMs = readableHead<{ readonly atMs?: number }>(value)?.atMs;
      isFirst = false;
    });
    found.push({ at: lane, item: { lane, waiting, ...typeof oldestMs === "number" && { oldestMs } } });
  }
  return { found, upTo: more ? parts.at(-1) ?? after ?? "" : undefined };
}
