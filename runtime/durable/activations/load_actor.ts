import { schedulesMax } from "../../turns/schedules.ts";
import type { DurableActivation } from "./durable_activation.ts";
import type { Fate } from "../background/membership.ts";
import { mailPrefix, timerPrefix } from "../rows/keys.ts";
import { pages } from "../rows/pages.ts";
import { positionOf, type QueuedMessage } from "../rows/queued_message.ts";
import { summariesOf } from "../rows/schedule_row.ts";
import { ActorRecord } from "../rows/actor_record.ts";

/** How many messages are taken into memory at once. */
const windowMax = 256;
/** The most that one list gives. */
const listMax = 1_000;
/** The most that are counted together. */
const countMax = 10_000;

/** A durable actor as the store has it. */
export interface LoadedActor {
  readonly record: ActorRecord;
  /** The read epoch after its record was read. */
  readonly epoch: number;
  /** What became of the instance that tried the message at the head; absent if none did, or this one. */
  readonly tried: Fate | undefined;
  /** The first of its messages, those that stepped aside included. */
  readonly mails: readonly QueuedMessage[];
  /** The other instances that wrote these, and which of them ended without a word, or may have. */
  readonly writers: ReadonlySet<string>;
  readonly ended: ReadonlySet<string>;
}

/**
 * Loads a durable actor: its record, then, of a later moment, the first of its mail in one list, which its mailbox takes
 * in. In that order a message that is handled meanwhile is in neither or in the list, where its own check finds it gone.
 * No mail is read if the actor is not for this instance: if a newer program wrote its state (`newer`), or if another
 * instance lives and tries a message of it (`tried`).
 */
export async function loadActor(actor: DurableActivation): Promise<LoadedActor | "newer" | "tried"> {
  const { durable, host, mailbox } = actor;
  const { session } = durable;
  const { connection } = session;
  const read = await ActorRecord.read(connection, actor);
  const epoch = session.nextReadEpoch();
  session.heard(read.head.clock);
  if (read.isNewerThan(host.actor.stateVersion)) return "newer";
  const tried = await triedBy(actor, read);
  if (tried === "lives") return "tried";
  const record = await withSchedules(actor, read);
  mailbox.begin(session.nextReadEpoch());
  const prefix = mailPrefix(actor);
  const listed = await connection.list({ prefix, limit: windowMax });
  let beyond = 0;
  let asideBeyond = 0;
  if (listed.length === windowMax) {
    const last = listed.at(-1)!.key;
    const known = mailbox.beyond - windowMax;
    beyond = known > 0 ? known : Math.max(await countBeyond(actor, prefix, last), 1);
    if (host.actor.retry.order === "aside") asideBeyond = await countAside(actor, prefix, last);
  }
  const mails = mailbox.listed(listed, prefix, beyond, asideBeyond);
  const writers = new Set(mails.map(({ head }) => head.via)); // also of those that stepped aside, and come back
  writers.delete(session.instance);
  const ended = writers.size === 0 ? writers : await durable.membership.mayHaveCrashed(writers);
  return { record, epoch, tried, mails, writers, ended };
}

/** What became of the instance that tries a message of it, where another does and that message still waits. */
async function triedBy(
  actor: DurableActivation,
  { head: { retry } }: ActorRecord,
): Promise<Fate | undefined> {
  const { session } = actor.durable;
  if (retry?.by === undefined || retry.by === session.instance) return undefined;
  const fate = await actor.durable.membership.fateOf(retry.by);
  if (fate !== "lives") return fate;
  const [mail] = await session.connection.read([mailPrefix(actor) + retry.place]);
  session.probes?.reach("another instance tries a message");
  return mail === undefined ? undefined : fate;
}

/** How many have stepped aside behind what was listed: their places are later than now. */
function countAside(actor: DurableActivation, prefix: string, after: string): Promise<number> {
  const now = prefix + positionOf(Math.floor(actor.services.clock.now() * 1_000), "");
  return countBeyond(actor, prefix, after < now ? now : after);
}

/** At least how many wait behind what was listed: whether the mailbox is full, unless that takes too many lists. */
async function countBeyond(
  { durable, host }: DurableActivation,
  prefix: string,
  after: string,
): Promise<number> {
  const most = Math.min(host.actor.mailbox.capacity, countMax);
  let count = 0;
  for await (const rows of pages(durable.session.connection, { prefix, after, limit: listMax })) {
    count += rows.length;
    if (count > most) break;
  }
  return count;
}

/** Schedules that were due have gone by themselves. */
async function withSchedules(actor: DurableActivation, record: ActorRecord): Promise<ActorRecord> {
  if (record.head.schedules === undefined) return record;
  const { connection } = actor.durable.session;
  const rows = await connection.list({ prefix: timerPrefix(actor), limit: schedulesMax });
  const schedules = rows.length === 0 ? undefined : summariesOf(rows);
  return new ActorRecord({ ...record.head, schedules }, record.text, record.version, record.bytes);
}
