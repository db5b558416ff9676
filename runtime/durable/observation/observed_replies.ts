import { shorten } from "../../base/shorten.ts";
import { guarded } from "../../base/guarded.ts";
import type { ActorId } from "../../language/address.ts";
import { LaterReply, type OpenRequest } from "../../messages/later.ts";
import { replyNameOf } from "../../messages/reply_name.ts";
import type { Found, Listing, Range } from "../../observation/listing.ts";
import { wordsMax } from "../../ports/dead_letters.ts";
import type { ObservedReply, RepliesFilter } from "../../ports/observation.ts";
import type { Entry } from "../../ports/store.ts";
import { isAskOfPeer } from "../delivery/peer_replies.ts";
import type { ReplyHead } from "../delivery/reply_rows.ts";
import { ActorRecord } from "../rows/actor_record.ts";
import { recordKey, repliesPrefix } from "../rows/keys.ts";
import { decodeValue, fromText } from "../rows/value_codec.ts";
import { numberIn, textIn } from "./row_parts.ts";
import type { RowReader } from "./row_reader.ts";

/** How many rows one question looks at: some of them may not match, or have expired. */
const lookedMax = 10_000;

/** The replies that are pending or kept, in the order of their keys. */
export async function observedReplies(
  reader: RowReader,
  { status }: RepliesFilter,
  { after, limit }: Range,
  nowMs: number,
): Promise<Listing<ObservedReply>> {
  const found: (Found<ObservedReply> & { readonly later: string | undefined })[] = [];
  let unreadable = 0;
  let behind = after;
  const from = after === undefined ? undefined : repliesPrefix + after;
  const more = await reader.scan({ prefix: repliesPrefix, after: from, most: lookedMax }, (rows) => {
    for (const row of rows) {
      behind = row.key.slice(repliesPrefix.length);
      if (isAskOfPeer(behind)) continue;
      const reply = guarded(() => replyIn(row), undefined);
      if (reply === undefined) unreadable++;
      else if (reply.item.untilMs === undefined || reply.item.untilMs > nowMs) {
        if (status === undefined || reply.item.status === status) found.push({ at: behind, ...reply });
      }
      if (found.length > limit) return true;
    }
  });
  const laters = await receiversOf(reader, found.flatMap(({ later }) => later ?? []));
  const whole = found.map(({ at, later, item }) => {
    const actor = later === undefined ? undefined : laters.get(later);
    return { at, item: actor === undefined ? item : { ...item, actor } };
  });
  return { found: whole, upTo: more ? behind ?? "" : undefined, unreadable };
}

/** The actors that got the requests which laters keep, by the keys of these. */
async function receiversOf(
  reader: RowReader,
  laters: readonly string[],
): Promise<ReadonlyMap<string, ActorId>> {
  const keyOf = (key: string) => recordKey({ protocol: LaterReply.answer.protocol, key });
  const { rows: records } = await reader.read(laters.map(keyOf));
  const receivers = new Map<string, ActorId>();
  for (const later of laters) {
    const { text } = ActorRecord.of(records.get(keyOf(later)));
    const { protocol, key } = guarded(() =>
      fromText(text ?? "") as Partial<OpenRequest> | undefined, undefined)?.actor ?? {};
    if (protocol !== undefined && key !== undefined) receivers.set(later, { protocol, key });
  }
  return receivers;
}

/** A reply, and the key of its later if its turn answered "later". Throws if its row cannot be read. */
function replyIn(
  { key, value }: Entry,
): { readonly item: ObservedReply; readonly later: string | undefined } {
  const { head } = decodeValue<ReplyHead>(value);
  const name = key.slice(repliesPrefix.length);
  const id = replyNameOf(name);
  const caller = name.slice(0, -id.length).slice(0, -1);
  const status = statusIn(head);
  const pending = status === "pending";
  const at = pending && head.at?.sent === undefined ? head.at : undefined;
  const later = pending && head.later !== undefined ? textIn(head.later) : undefined;
  const { failure } = head;
  return {
    later,
    item: {
      id,
      status,
      ...head.untilMs !== undefined && { untilMs: numberIn(head.untilMs) },
      ...at !== undefined && { actor: { protocol: textIn(at.protocol), key: textIn(at.key) } },
      later: later !== undefined,
      ...caller !== "" && { caller: guarded(() => decodeURIComponent(caller), caller) },
      ...failure !== undefined &&
        { failure: { code: textIn(failure.code), message: shorten(textIn(failure.message), wordsMax) } },
    },
  };
}

function statusIn({ status }: ReplyHead): ObservedReply["status"] {
  if (status === "pending" || status === "done" || status === "failed") return status;
  throw new TypeError("it has no status");
}
