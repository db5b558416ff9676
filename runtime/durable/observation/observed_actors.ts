import { shorten } from "../../base/shorten.ts";
import type { ActorId } from "../../language/address.ts";
import { comparePlaces, type Listing, type Range } from "../../observation/listing.ts";
import type { ActorsFilter, FailingFilter, ObservedActor } from "../../ports/observation.ts";
import type { Entry } from "../../ports/store.ts";
import { ActorRecord, type RetryHead } from "../rows/actor_record.ts";
import { actorNamed, mailsOfProtocol, mailsPrefix, nameOfActor, recordKey } from "../rows/keys.ts";
import type { QueuedMessage } from "../rows/queued_message.ts";
import { type WaitingActor, waitingActors, type Walk } from "./mail_walk.ts";
import { acceptedMsOf, mailboxOf, retryOf } from "./observed_message.ts";
import { type RowReader, together } from "./row_reader.ts";

const stateUnitsMax = 200;
/** Where the count of the messages of each actor in a list ends. */
const waitingMax = 100;
/** How many actors with messages one question about failing actors looks at, and how many records it reads together. */
const lookedMax = 500;
const recordsTogether = 50;

/** The actors of a protocol: those that have a record, and those that messages wait for. */
export async function observedActors(
  reader: RowReader,
  { protocol, prefix = "", waiting: onlyWaiting = false }: ActorsFilter,
  range: Range,
): Promise<Listing<ObservedActor>> {
  const { limit } = range;
  const after = range.after === undefined ? undefined : { protocol, key: range.after };
  const [ofMail, ofRecords] = [reader.part(3), reader.part(3)]; // the last third is for counts
  const walk = await waitingActors(ofMail, mailsOfProtocol(protocol) + prefix, after, limit);
  const [mailed, stored] = onlyWaiting ? await withRecords(ofRecords, walk) : [
    walk,
    await ofRecords.list({
      prefix: recordKey({ protocol, key: prefix }),
      after: after && recordKey(after),
      most: limit,
    }),
  ];
  const start = recordKey({ protocol, key: "" }).length;
  const records = new Map(stored.rows.map((row) => [row.key.slice(start), row]));
  const ends = [
    mailed.more ? mailed.found.at(-1)?.actor.key ?? range.after ?? "" : undefined,
    stored.more ? [...records.keys()].at(-1) ?? range.after ?? "" : undefined,
  ].filter((end) => end !== undefined).sort(comparePlaces);
  const upTo = ends.at(0);
  const waiting = new Map(mailed.found.map(({ actor, first }) => [actor.key, first]));
  const keys = [...new Set([...records.keys(), ...waiting.keys()])].sort(comparePlaces)
    .filter((key) => upTo === undefined || comparePlaces(key, upTo) <= 0);
  const taken = keys.slice(0, limit);
  const most = Math.min(waitingMax, range.countMax);
  const mailboxes = taken.filter((key) => waiting.has(key)).length;
  const found = await together(taken, async (key) => {
    const actor = { protocol, key };
    const item = await actorOf(reader.part(mailboxes), actor, records.get(key), waiting.get(key), most);
    return { at: key, item };
  });
  return { found, upTo: keys.length > taken.length ? taken.at(-1) : upTo };
}

/** What a walk has found, as far as the records of these actors could be read, and these. */
async function withRecords(
  reader: RowReader,
  { found, more }: Walk,
): Promise<[mailed: Walk, stored: { readonly rows: readonly Entry[]; readonly more: boolean }]> {
  const { rows, count } = await reader.read(found.map(({ actor }) => recordKey(actor)));
  const mailed = { found: found.slice(0, count), more: more || count < found.length };
  return [mailed, { rows: [...rows.values()], more: false }];
}

/** The actors whose first message has failed. It looks at 500 of those that messages wait for. */
export async function failingActors(
  reader: RowReader,
  { protocol }: FailingFilter,
  { after, limit, countMax }: Range,
): Promise<Listing<ObservedActor>> {
  const prefix = protocol === undefined ? mailsPrefix : mailsOfProtocol(protocol);
  const failing: FailingActor[] = [];
  let behind = after === undefined ? undefined : actorNamed(after);
  let isEnd = false;
  for (let looked = 0; looked < lookedMax && !isEnd && failing.length < limit; looked += recordsTogether) {
    const { found, more } = await waitingActors(reader.part(2), prefix, behind, recordsTogether);
    const ofUsers = found.filter(({ actor }) => !actor.protocol.startsWith("~")); // the others come last
    const looked = await failingOf(reader, ofUsers);
    failing.push(...looked.failing);
    behind = ofUsers.at(looked.count - 1)?.actor ?? behind;
    isEnd = looked.count === ofUsers.length && (!more || ofUsers.length < found.length);
    if (reader.left === 0) break;
  }
  const taken = failing.slice(0, limit);
  const most = Math.min(waitingMax, countMax);
  const found = await together(taken, async ({ actor, first, record }) => {
    const item = await actorOf(reader.part(taken.length), actor, record, first, most);
    return { at: nameOfActor(actor), item };
  });
  if (taken.length < failing.length) return { found, upTo: found.at(-1)!.at };
  return { found, upTo: isEnd ? undefined : behind === undefined ? "" : nameOfActor(behind) };
}

/** An actor whose first message has failed. */
interface FailingActor extends WaitingActor {
  readonly record: Entry | undefined;
}

/** Those of some actors whose first message has failed, with their records; and at how many of them it has looked. */
export async function failingOf(
  reader: RowReader,
  actors: readonly WaitingActor[],
): Promise<{ readonly failing: readonly FailingActor[]; readonly count: number }> {
  const { rows, count } = await reader.read(actors.map(({ actor }) => recordKey(actor)));
  const failing = actors.slice(0, count).flatMap((one) => {
    const record = rows.get(recordKey(one.actor));
    return retryOf(one.first, retryIn(record)) === undefined ? [] : [{ ...one, record }];
  });
  return { failing, count };
}

/** The retry in the row of a record, if there is one. */
export function retryIn(row: Entry | undefined): RetryHead | undefined {
  return row && ActorRecord.of(row).head.retry;
}

async function actorOf(
  reader: RowReader,
  actor: ActorId,
  row: Entry | undefined,
  first: QueuedMessage | undefined,
  most: number,
): Promise<ObservedActor> {
  const { head, text, fault } = ActorRecord.of(row);
  const none = { count: 0, more: false };
  const mailbox = first === undefined
    ? { waiting: none, oldestMs: undefined }
    : await mailboxOf(reader, actor, most, 0);
  const uncounted = mailbox.waiting.count === 0 && mailbox.waiting.more;
  const waiting = uncounted ? { count: 1, more: true } : mailbox.waiting; // the first is known
  const oldestMs = uncounted ? acceptedMsOf(first!) : mailbox.oldestMs;
  const retry = first && retryOf(first, head.retry);
  return {
    ...actor,
    waiting,
    ...oldestMs !== undefined && { oldestMs },
    ...retry !== undefined && { retry },
    ...text !== undefined && { state: shorten(text, stateUnitsMax) },
    ...fault !== undefined && { fault },
  };
}
