import { schedulesMax } from "../../turns/schedules.ts";
import type { DurableActivation } from "./durable_activation.ts";
import type { Fate } from "../background/membership.ts";
import { mailPrefix, timerPrefix } from "../rows/keys.ts";
import { pages } from "../rows/pages.ts";
import { positionOf, type QueuedMessage } from "../rows/queued_message.ts";
import { summariesOf } from "../rows/schedule_row.ts";
import { ActorRecord } from "../rows/actor_record.ts";

/** How many messages one load takes into memory. */
const windowMax = 256;
/** The most rows that one list gives. */
const listMax = 1_000;
/** The most messages that are counted. */
const countMax = 10_000;

/** A durable actor as the store has it. */
export interface LoadedActor {
  readonly record: ActorRecord;
  /** The read epoch right after its record was read. */
  readonly epoch: number;
  /** The state of the instance whose attempt the record counts; absent if none is, or if it is this one. */
  readonly tried: Fate | undefined;
  /** The first of its messages, those that wait aside included. */
  readonly mails: readonly QueuedMessage[];
  /** The other instances that wrote these messages, and those of them that crashed or may have. */
  readonly writers: ReadonlySet<string>;
  readonly ended: ReadonlySet<string>;
}

/**
 * Loads a durable actor: its record, and after that the first of its messages in one list, which the mailbox takes in.
 * In this order, a message that is handled meanwhile is in neither, or only in the list, and then its own check fails. No
 * message is read if the actor is not for this instance: a newer program wrote its state (`newer`), or a live instance
 * counts an attempt of a message (`tried`).
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
    if (host.actor.retry.order === "aside") {
      const now = prefix + positionOf(Math.floor(session.clock.now() * 1_000), ""); // those aside have later positions
      asideBeyond = await countBeyond(actor, prefix, last < now ? now : last);
    }
  }
  const mails = mailbox.listed(listed, prefix, beyond, asideBeyond);
  const writers = new Set(mails.map(({ head }) => head.via)); // also of those that wait aside, and come back
  writers.delete(session.instance);
  const ended = writers.size === 0 ? writers : await durable.membership.mayHaveCrashed(writers);
  return { record, epoch, tried, mails, writers, ended };
}

/** The state of another instance whose attempt the record counts, if that message still waits. */
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

/** At least how many messages wait behind the listed ones: enough to know whether the mailbox is full. */
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

/** The record without the schedules that have fired. */
async function withSchedules(actor: DurableActivation, record: ActorRecord): Promise<ActorRecord> {
  if (record.head.schedules === undefined) return record;
  const { connection } = actor.durable.session;
  const rows = await connection.list({ prefix: timerPrefix(actor), limit: schedulesMax });
  const schedules = rows.length === 0 ? undefined : summariesOf(rows);
  return new ActorRecord({ ...record.head, schedules }, record.text, record.version, record.bytes);
}
