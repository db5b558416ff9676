import { fromText } from "./stored_value.ts";
import type { DurableActor } from "./durable_actor.ts";
import { mailPrefix, timerPrefix } from "./keys.ts";
import { plansOf, schedulesMax } from "./plans.ts";
import { ActorRecord } from "./record.ts";

/** How many messages are taken into memory at once. */
const windowMax = 256;
/** The most that one list gives. */
const listMax = 1_000;
/** The most that are counted together. */
const countMax = 10_000;

/**
 * Loads a durable actor: its record, then, of a later moment, the first of its mail in one list. In that order a message
 * that is handled meanwhile is in neither or in the list, where its own check finds it gone. Returns whether its state is
 * for this program: a newer form is not.
 */
export async function loadActor(activation: DurableActor): Promise<boolean> {
  const { durable, home, mailbox } = activation;
  const { ledger } = durable;
  const record = await ActorRecord.read(ledger.connection, activation);
  activation.loadedMoment = ledger.nextMoment();
  ledger.heard(record.head.clock);
  const { actor } = home;
  const { schema } = record.head;
  const newer = schema !== undefined && schema > actor.stateVersion;
  if (newer && !ledger.probes?.without("newer-state")) return false;
  activation.record = await withSchedules(activation, record);
  activation.state = stateOf(activation, record);
  mailbox.begin(ledger.nextMoment());
  const prefix = mailPrefix(activation);
  const mails = await ledger.connection.list({ prefix, limit: windowMax });
  const known = mailbox.beyond - mails.length;
  const beyond = mails.length < windowMax
    ? 0
    : known > 0
    ? known
    : await countBeyond(activation, prefix, mails.at(-1)!.key);
  mailbox.listed(mails, prefix, beyond);
  const instances = new Set(mailbox.mails.flatMap(({ key, head }) => key === undefined ? [] : [head.via]));
  instances.delete(ledger.instance);
  const suspicious = instances.size === 0 ? new Set<string>() : await durable.suspicious(instances);
  // Who wrote to it had it in memory, and may have run what others had written before.
  const all = activation.inherited || suspicious.size > 0;
  activation.suspicious = all && !ledger.probes?.without("suspects") ? instances : new Set();
  activation.inherited = false;
  activation.emit("activated");
  return true;
}

function stateOf({ home: { actor } }: DurableActor, { head: { schema }, text }: ActorRecord): unknown {
  if (text === undefined || schema === undefined) return actor.state();
  const state = fromText(text);
  return schema === actor.stateVersion ? state : actor.migrate(state, schema);
}

/** At least how many wait behind what was listed: whether the mailbox is full, unless that takes too many lists. */
async function countBeyond({ durable, home }: DurableActor, prefix: string, after: string): Promise<number> {
  const most = Math.min(home.actor.mailbox.capacity, countMax);
  let count = 0;
  for (let last = after; count <= most;) {
    const rows = await durable.ledger.connection.list({ prefix, after: last, limit: listMax });
    count += rows.length;
    if (rows.length < listMax) break;
    last = rows.at(-1)!.key;
  }
  return Math.max(count, 1);
}

/** Schedules that were due have gone by themselves. */
async function withSchedules(activation: DurableActor, record: ActorRecord): Promise<ActorRecord> {
  if (record.head.schedules === undefined) return record;
  const rows = await activation.durable.ledger.connection.list({
    prefix: timerPrefix(activation),
    limit: schedulesMax,
  });
  const schedules = rows.length === 0 ? undefined : plansOf(rows);
  return new ActorRecord({ ...record.head, schedules }, record.text, record.version, record.bytes);
}
