import { comparePlaces, type Found, type Listing, nothing, type Range } from "../../observation/listing.ts";
import type { ObservedLane } from "../../ports/observation.ts";
import { outboxLanePrefix, outboxPrefix } from "../rows/keys.ts";
import { readableHead } from "../rows/readable_head.ts";
import { partsOf } from "./mail_walk.ts";
import type { RowReader } from "./row_reader.ts";

/** What the names of lanes to return addresses begin with, which come last. They are shown as one, since there may be as many as strangers give. */
const toAddresses = "reply:";
const shownAddresses = "replies";

/** The lanes of the outbox that have messages, by name. */
export async function observedLanes(
  reader: RowReader,
  { after, limit, countMax }: Range,
): Promise<Listing<ObservedLane>> {
  if (after !== undefined && comparePlaces(after, toAddresses) >= 0) return nothing;
  const { parts, more } = await partsOf(reader, outboxPrefix, after, limit);
  const named = parts.filter((lane) => !lane.startsWith(toAddresses));
  const hasAddresses = named.length < parts.length;
  const found: Found<ObservedLane>[] = [];
  for (const [index, lane] of named.entries()) {
    const part = reader.part(parts.length - index);
    found.push({ at: lane, item: await laneOf(part, lane, outboxLanePrefix(lane), countMax) });
  }
  if (hasAddresses) {
    const prefix = outboxPrefix + toAddresses;
    found.push({ at: toAddresses, item: await laneOf(reader, shownAddresses, prefix, countMax) });
  }
  return { found, upTo: more && !hasAddresses ? parts.at(-1) ?? after ?? "" : undefined };
}

async function laneOf(
  reader: RowReader,
  lane: string,
  prefix: string,
  countMax: number,
): Promise<ObservedLane> {
  let oldestMs = Infinity;
  const waiting = await reader.count(prefix, countMax, ({ value }) => {
    const atMs = readableHead<{ readonly atMs?: unknown }>(value)?.atMs;
    if (typeof atMs === "number" && atMs < oldestMs) oldestMs = atMs;
  });
  return { lane, waiting, ...oldestMs < Infinity && { oldestMs } };
}
