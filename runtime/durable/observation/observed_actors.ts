import { shorten } from "../../base/shorten.ts";
import type { ActorId } from "../../language/address.ts";
import { comparePlaces, type Listing, type Range } from "../../observation/listing.ts";
import type { ActorsFilter, FailingFilter, ObservedActor } from "../../ports/observation.ts";
import type { Entry } from "../../ports/store.ts";
import { ActorRecord, type RetryHead } from "../rows/actor_record.ts";
import { actorNamed, mailsOfProtocol, mailsPrefix, nameOfActor, recordKey } from "../rows/keys.ts";
import type { QueuedMessage } from "../rows/queued_message.ts";
import { type WaitingActor, waitingActors } from "./mail_walk.ts";
import { mailboxOf, retryOf } from "./observed_message.ts";
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
  const mailed = await waitingActors(reader, mailsOfProtocol(protocol) + prefix, after, limit);
  const from = after && recordKey(after);
  const stored = onlyWaiting
    ? {
      rows: (await reader.read(mailed.found.map(({ actor }) => recordKey(actor)))).values().toArray(),
      more: false,
    }
    : await reader.list({ prefix: recordKey({ protocol, key: prefix }), after: from, most: limit });
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
    const { found, more } = await waitingActors(reader, prefix, behind, recordsTogether);
    const ofUsers = found.filter(({ actor }) => !actor.protocol.startsWith("~")); // the others come last
    failing.push(...await failingOf(reader, ofUsers));
    behind = ofUsers.at(-1)?.actor ?? behind;
    isEnd = !more || ofUsers.length < found.length;
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

/** Those of some actors whose first message has failed, with their records. */
export async function failingOf(
  reader: RowReader,
  actors: readonly WaitingActor[],
): Promise<readonly FailingActor[]> {
  const records = await reader.read(actors.map(({ actor }) => recordKey(actor)));
  return actors.flatMap((one) => {
    const record = records.get(recordKey(one.actor));
    return retryOf(one.first, retryIn(record)) === undefined ? [] : [{ ...one, record }];
  });
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
  const { waiting, oldestMs } = first === undefined
    ? { waiting: none, oldestMs: undefined }
    : await mailboxOf(reader, actor, most, 0);
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
