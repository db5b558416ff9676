import { guarded } from "../../base/guarded.ts";
import type { Address } from "../../language/address.ts";
import { Topic } from "../../messages/builtin_protocols.ts";
import { comparePlaces, type Found, type Listing, type Range } from "../../observation/listing.ts";
import type { Count, ObservedTopic } from "../../ports/observation.ts";
import {
  eventNumber,
  eventPrefix,
  eventsPrefix,
  mailPrefix,
  recordKey,
  subscriberPrefix,
  subscribersPrefix,
} from "../rows/keys.ts";
import { ActorRecord } from "../rows/actor_record.ts";
import { readableHead } from "../rows/readable_head.ts";
import { decodeValue, fromText } from "../rows/value_codec.ts";
import { partsOf } from "./mail_walk.ts";
import { addressIn } from "./row_parts.ts";
import { type RowReader, together } from "./row_reader.ts";

/** How many subscribers are shown; how many mailboxes one question looks into, and how many messages of each. */
const shownMax = 100;
const mailboxesMax = 500;
const messagesMax = 100;

/** The topics that have subscribers or a log. */
export async function observedTopics(reader: RowReader, range: Range): Promise<Listing<ObservedTopic>> {
  const { after, limit, countMax } = range;
  const [ofSubscribers, ofEvents] = [reader.part(4), reader.part(4)]; // the rest is for what follows
  const followed = await partsOf(ofSubscribers, subscribersPrefix, after, limit);
  const logged = await partsOf(ofEvents, eventsPrefix, after, limit);
  const ends = [followed, logged].flatMap(({ parts, more }) => more ? [parts.at(-1) ?? after ?? ""] : [])
    .sort(comparePlaces);
  const upTo = ends.at(0);
  const all = [...new Set([...followed.parts, ...logged.parts])].sort(comparePlaces)
    .filter((name) => upTo === undefined || comparePlaces(name, upTo) <= 0);
  const names = all.slice(0, limit);
  const found: Found<ObservedTopic>[] = [];
  for (const [index, topic] of names.entries()) {
    const mailboxes = Math.max(1, Math.floor(mailboxesMax / names.length));
    const part = reader.part(names.length - index);
    found.push({ at: topic, item: await topicOf(part, topic, mailboxes, countMax) });
  }
  return { found, upTo: all.length > names.length ? names.at(-1) : upTo };
}

async function topicOf(
  reader: RowReader,
  topic: string,
  mailboxes: number,
  countMax: number,
): Promise<ObservedTopic> {
  const { rows, more } = await reader.list({ prefix: subscriberPrefix(topic), most: shownMax });
  const firstSubscribers = rows.flatMap(({ value }) =>
    guarded<Address[]>(() => [addressIn(decodeValue<{ readonly to: Address }>(value).head.to)], [])
  );
  const looked = firstSubscribers.slice(0, mailboxes);
  let lag = await lagOf(reader, {
    protocol: Topic.publish.protocol,
    key: topic,
    operation: Topic.publish.name,
  });
  for (const own of await together(looked, (to) => lagOf(reader.part(looked.length), to))) {
    lag = sumOf(lag, own, countMax);
  }
  const unlooked = more || looked.length < firstSubscribers.length;
  return {
    topic,
    subscribers: more
      ? await subscribersOf(reader, topic, rows.length, countMax)
      : { count: rows.length, more },
    firstSubscribers,
    events: await eventsOf(reader, topic, countMax),
    lag: { count: lag.count, more: lag.more || unlooked },
  };
}

/** How many messages wait for an operation, of the first messages of its actor. */
async function lagOf(reader: RowReader, to: Address): Promise<Count> {
  let count = 0;
  const { more } = await reader.count(mailPrefix(to), messagesMax, ({ value }) => {
    if (readableHead<{ readonly operation?: string }>(value)?.operation === to.operation) count++;
  });
  return { count, more };
}

function sumOf(first: Count, second: Count, most: number): Count {
  const count = first.count + second.count;
  return { count: Math.min(count, most), more: first.more || second.more || count > most };
}

/** The number of subscribers as the topic counts them. */
async function subscribersOf(
  reader: RowReader,
  topic: string,
  atLeast: number,
  most: number,
): Promise<Count> {
  const key = recordKey({ protocol: Topic.publish.protocol, key: topic });
  const { text } = ActorRecord.of(await reader.one(key));
  const counted = countIn(text);
  if (counted === undefined) return { count: atLeast, more: true };
  return { count: Math.min(counted, most), more: counted > most };
}

function countIn(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  try {
    const { subscribers } = fromText(text) as { readonly subscribers?: unknown };
    return typeof subscribers === "number" ? subscribers : undefined;
  } catch {
    return undefined; // the record cannot be read
  }
}

/** The numbers of events have no gaps. */
async function eventsOf(reader: RowReader, topic: string, most: number): Promise<Count> {
  const prefix = eventPrefix(topic);
  const [first] = await reader.few({ prefix, most: 1 });
  const [last] = first === undefined ? [] : await reader.few({ prefix, most: 1, reverse: true });
  if (first === undefined || last === undefined) return { count: 0, more: false };
  const all = eventNumber(last.key) - eventNumber(first.key) + 1;
  return { count: Math.min(Math.max(all, 1), most), more: all > most };
}
