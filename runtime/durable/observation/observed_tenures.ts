import { guarded } from "../../base/guarded.ts";
import type { Found, Listing, Range } from "../../observation/listing.ts";
import type { ObservedTenure } from "../../ports/observation.ts";
import type { Entry } from "../../ports/store.ts";
import { sourceNamed, sourcesPrefix } from "../rows/keys.ts";
import { positionToken, timestampOfToken } from "../rows/queued_message.ts";
import { decodeValue } from "../rows/value_codec.ts";
import { instanceIn } from "../rows/writer_name.ts";
import { numberIn, textIn } from "./row_parts.ts";
import type { RowReader } from "./row_reader.ts";

/** What the row of a shard tells. */
interface SourceHead {
  readonly place?: unknown;
  readonly position?: unknown;
  readonly token?: unknown;
}

/** The shards that this service has accepted messages of, in the order of their keys. */
export async function observedTenures(
  reader: RowReader,
  { after, limit }: Range,
): Promise<Listing<ObservedTenure>> {
  const behind = after === undefined ? undefined : sourcesPrefix + after;
  const { rows, more } = await reader.list({ prefix: sourcesPrefix, after: behind, most: limit });
  const found: Found<ObservedTenure>[] = [];
  let unreadable = 0;
  let upTo = after;
  for (const row of rows) {
    upTo = row.key.slice(sourcesPrefix.length);
    const item = guarded(() => tenureIn(row), undefined);
    if (item === undefined) unreadable++;
    else found.push({ at: upTo, item });
  }
  return { found, upTo: more ? upTo ?? "" : undefined, unreadable };
}

/** Throws if the row cannot be read. */
function tenureIn({ key, value }: Entry): ObservedTenure {
  const { place, position, token } = decodeValue<SourceHead>(value).head;
  const acceptedMicros = place === undefined ? undefined : timestampOfToken(positionToken(textIn(place)));
  return {
    ...sourceNamed(key),
    instance: instanceIn(textIn(token)),
    ...acceptedMicros !== undefined && { acceptedMs: Math.floor(acceptedMicros / 1_000) },
    ...position !== undefined && { position: numberIn(position) },
  };
}
