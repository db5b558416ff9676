import { comparePlaces, type Listing, type Range } from "../../observation/listing.ts";
import type { ObservedProtocol } from "../../ports/observation.ts";
import { mailed, mailPrefix, mailsOfProtocol, mailsPrefix, recordKey, recordsPrefix } from "../rows/keys.ts";
import { QueuedMessage } from "../rows/queued_message.ts";
import { partsOf, type WaitingActor } from "./mail_walk.ts";
import { failingOf } from "./observed_actors.ts";
import { ProtocolHosts } from "./observed_instances.ts";
import { acceptedMsOf } from "./observed_message.ts";
import { pausedIn } from "./paused.ts";
import type { RowReader } from "./row_reader.ts";

/** Of how many actors with messages the records are read, to count those that are failing. */
const failingMax = 100;
/** How many things are counted of each protocol: actors, messages, failing actors. */
const countsEach = 3;
/** How many protocols one question about those that nobody hosts looks at. */
const unhostedMax = 1_000;

/** The protocols that have actors or messages, or are hosted. */
export async function observedProtocols(
  reader: RowReader,
  range: Range,
): Promise<Listing<ObservedProtocol>> {
  const { after, limit } = range;
  const [ofRecords, ofMail] = [reader.part(4), reader.part(4)]; // the rest is for counts
  const hosts = await ProtocolHosts.read(reader.part(4));
  const paused = await pausedIn(reader);
  const stored = await partsOf(ofRecords, recordsPrefix, after, limit);
  const waiting = await partsOf(ofMail, mailsPrefix, after, limit);
  const others = [...hosts.names, ...paused].filter((name) =>
    after === undefined || comparePlaces(name, after) > 0
  );
  const ends = [stored, waiting].flatMap(({ parts, more }) => more ? [parts.at(-1) ?? after ?? ""] : [])
    .sort(comparePlaces);
  const upTo = ends.at(0);
  const all = [...new Set([...stored.parts, ...waiting.parts, ...others])].sort(comparePlaces)
    .filter((name) => upTo === undefined || comparePlaces(name, upTo) <= 0);
  const names = all.slice(0, limit);
  const found = await countAll(reader, names, range, { hosts, paused });
  return { found, upTo: all.length > names.length ? names.at(-1) : upTo };
}

/** The protocols that have messages and that nobody hosts. */
export async function unhostedProtocols(
  reader: RowReader,
  range: Range,
): Promise<Listing<ObservedProtocol>> {
  const ofMail = reader.part(2);
  const hosts = await ProtocolHosts.read(reader.part(4));
  const paused = await pausedIn(reader);
  const { parts, more } = await partsOf(ofMail, mailsPrefix, range.after, unhostedMax);
  const all = parts.filter((name) => !hosts.has(name));
  const names = all.slice(0, range.limit);
  const found = await countAll(reader, names, range, { hosts, paused });
  return {
    found,
    upTo: all.length > names.length ? names.at(-1) : more ? parts.at(-1) ?? range.after ?? "" : undefined,
  };
}

/** What is known of all protocols. */
interface Known {
  readonly hosts: ProtocolHosts;
  readonly paused: ReadonlySet<string>;
}

/** Counts for several protocols: they share what one question may read. */
async function countAll(
  reader: RowReader,
  names: readonly string[],
  { countMax }: Range,
  known: Known,
): Promise<{ readonly at: string; readonly item: ObservedProtocol }[]> {
  const found: { at: string; item: ObservedProtocol }[] = [];
  for (const [index, protocol] of names.entries()) {
    const part = reader.part(names.length - index); // what one leaves, the next may read
    found.push({ at: protocol, item: await protocolOf(part, protocol, countMax, known) });
  }
  return found;
}

async function protocolOf(
  reader: RowReader,
  protocol: string,
  most: number,
  { hosts, paused }: Known,
): Promise<ObservedProtocol> {
  const actors = await reader.part(countsEach).count(recordKey({ protocol, key: "" }), most);
  let oldestMs: number | undefined;
  const firsts: WaitingActor[] = [];
  let unlooked = false;
  const waiting = await reader.part(countsEach - 1).count(mailsOfProtocol(protocol), most, (row) => {
    const actor = mailed(row.key);
    const mail = QueuedMessage.of(row, mailPrefix(actor));
    const acceptedMs = acceptedMsOf(mail) ?? Infinity;
    if (acceptedMs < (oldestMs ?? Infinity)) oldestMs = acceptedMs;
    if (firsts.at(-1)?.actor.key === actor.key) return;
    if (firsts.length < failingMax) firsts.push({ actor, first: mail });
    else unlooked = true;
  });
  const { failing, count } = await failingOf(reader, firsts);
  const isPart = unlooked || waiting.more || count < firsts.length;
  return {
    protocol,
    hosted: hosts.has(protocol),
    paused: paused.has(protocol),
    actors,
    waiting,
    ...oldestMs !== undefined && { oldestMs },
    failing: { count: failing.length, more: isPart },
  };
}
