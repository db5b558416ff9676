import { schedulesMax } from "../../turns/schedules.ts";
import type { DurableActor } from "./durable_actor.ts";
import type { Fate } from "../background/membership.ts";
import { mailPrefix, timerPrefix } from "../rows/keys.ts";
import { positionOf } from "../rows/queued_message.ts";
import { summariesOf } from "../rows/schedule_summaries.ts";
import { ActorRecord } from "../rows/actor_record.ts";
import { fromText } from "../rows/value_codec.ts";
import { Suspicion } from "./suspicion.ts";

/** How many messages are taken into memory at once. */
const windowMax = 256;
/** The most that one list gives. */
const listMax = 1_000;
/** The most that are counted together. */
const countMax = 10_000;

/** For whom an actor is: this program; a newer one; another instance, which lives and tries a message of it. */
export type Loaded = "ours" | "newer" | "tried";

/**
 * Loads a durable actor: its record, then, of a later moment, the first of its mail in one list. In that order a message
 * that is handled meanwhile is in neither or in the list, where its own check finds it gone. Where it is not for this
 * instance, no mail is read.
 */
export async function loadActor(activation: DurableActor): Promise<Loaded> {
  const { durable, host, mailbox } = activation;
  const { session } = durable;
  const record = await ActorRecord.read(session.connection, activation);
  activation.loadedEpoch = session.nextReadEpoch();
  session.heard(record.head.clock);
  const { actor } = host;
  const { schema } = record.head;
  const newer = schema !== undefined && schema > actor.stateVersion;
  if (newer && !session.probes?.without("newer-state")) return "newer";
  activation.tried = await triedBy(activation, record);
  if (activation.tried === "lives") return "tried";
  activation.record = await withSchedules(activation, record);
  activation.made = false;
  mailbox.begin(session.nextReadEpoch());
  const prefix = mailPrefix(activation);
  const mails = await session.connection.list({ prefix, limit: windowMax });
  const known = mailbox.beyond - mails.length;
  const beyond = mails.length < windowMax
    ? 0
    : known > 0
    ? known
    : Math.max(await countBeyond(activation, prefix, mails.at(-1)!.key), 1);
  const asideBeyond = beyond > 0 && actor.retry.order === "aside"
    ? await countAside(activation, prefix, mails.at(-1)!.key)
    : 0;
  const read = mailbox.listed(mails, prefix, beyond, asideBeyond);
  const instances = new Set(read.map(({ head }) => head.via)); // also of those that stepped aside, and come back
  instances.delete(session.instance);
  const ended = instances.size === 0 ? new Set<string>() : await durable.mayHaveCrashed(instances);
  const suspects = (activation.inherited || ended.size > 0) && !session.probes?.without("suspects");
  const before = activation.inherited ? undefined : activation.suspicion;
  activation.suspicion = suspects ? Suspicion.of(read, instances, ended, before) : undefined;
  activation.inherited = false;
  return "ours";
}

/** What became of the instance that tries a message of it, where another does and that message still waits. */
async function triedBy(
  activation: DurableActor,
  { head: { retry } }: ActorRecord,
): Promise<Fate | undefined> {
  const { session } = activation.durable;
  if (retry?.by === undefined || retry.by === session.instance) return undefined;
  const fate = session.probes?.without("left-to-its-trial")
    ? "ended"
    : await activation.durable.fateOf(retry.by);
  if (fate !== "lives") return fate;
  const [mail] = await session.connection.read([mailPrefix(activation) + retry.place]);
  session.probes?.reach("another instance tries a message");
  return mail === undefined ? undefined : fate;
}

/**
 * Makes the state of an actor from its record, for the batch that begins with it. Where that fails (`state` or `migrate`
 * throws, the text cannot be read) it is the failure of the message that is to be handled, and the next one tries again.
 */
export function makeState(activation: DurableActor, batch: { state: unknown }): void {
  if (activation.made) return;
  try {
    activation.state = activation.services.broken.make(activation, () => stateOf(activation));
  } catch (error) {
    if (activation.durable.session.probes?.without("failure-of-its-message")) throw error;
    activation.state = undefined;
    activation.fault = { error };
    return;
  }
  batch.state = activation.state;
  activation.made = true;
  activation.fault = undefined;
}

function stateOf({ host: { actor }, record }: DurableActor): unknown {
  const { head: { schema }, text, fault } = record;
  if (fault !== undefined) throw new Error(fault);
  if (text === undefined || schema === undefined) return actor.state();
  const state = fromText(text);
  return schema === actor.stateVersion ? state : actor.migrate(state, schema);
}

/** How many have stepped aside behind what was listed: their places are later than now. */
function countAside(activation: DurableActor, prefix: string, after: string): Promise<number> {
  const now = prefix + positionOf(Math.floor(activation.services.clock.now() * 1_000), "");
  return countBeyond(activation, prefix, after < now ? now : after);
}

/** At least how many wait behind what was listed: whether the mailbox is full, unless that takes too many lists. */
async function countBeyond({ durable, host }: DurableActor, prefix: string, after: string): Promise<number> {
  const most = Math.min(host.actor.mailbox.capacity, countMax);
  let count = 0;
  for (let last = after; count <= most;) {
    const rows = await durable.session.connection.list({ prefix, after: last, limit: listMax });
    count += rows.length;
    if (rows.length < listMax) break;
    last = rows.at(-1)!.key;
  }
  return count;
}

/** Schedules that were due have gone by themselves. */
async function withSchedules(activation: DurableActor, record: ActorRecord): Promise<ActorRecord> {
  if (record.head.schedules === undefined) return record;
  const rows = await activation.durable.session.connection.list({
    prefix: timerPrefix(activation),
    limit: schedulesMax,
  });
  const schedules = rows.length === 0 ? undefined : summariesOf(rows);
  return new ActorRecord({ ...record.head, schedules }, record.text, record.version, record.bytes);
}
