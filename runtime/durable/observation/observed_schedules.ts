import { messageOf } from "../../base/errors.ts";
import type { ActorId } from "../../language/address.ts";
import type { Found, Listing, Range } from "../../observation/listing.ts";
import type { ObservedSchedule } from "../../ports/observation.ts";
import type { Entry } from "../../ports/store.ts";
import { delayedReceiver, scheduled, schedulePrefix, timerKey } from "../rows/keys.ts";
import { readableHead } from "../rows/readable_head.ts";
import { type StoredDue, type StoredSchedule, whenOf } from "../rows/schedule_row.ts";
import { decodeValue } from "../rows/value_codec.ts";
import { addressIn, numberIn } from "./row_parts.ts";
import type { RowReader } from "./row_reader.ts";

/** How many rows one question looks at: those of built-in actors are not shown. */
const lookedMax = 5_000;
const rowsTogether = 100;

/** The schedules and the delayed messages in the order of time. */
export async function observedSchedules(
  reader: RowReader,
  { after, limit }: Range,
): Promise<Listing<ObservedSchedule>> {
  const found: Found<ObservedSchedule>[] = [];
  let behind = after;
  for (let looked = 0; looked < lookedMax; looked += rowsTogether) {
    const { rows, more } = await reader.part(2).list({
      prefix: schedulePrefix,
      after: behind === undefined ? undefined : schedulePrefix + behind,
      most: rowsTogether,
    });
    const { schedules, unread } = await schedulesIn(reader, rows);
    found.push(...schedules);
    const last = unread === undefined ? rows.at(-1) : rows[rows.indexOf(unread) - 1];
    behind = last?.key.slice(schedulePrefix.length) ?? behind;
    if (!more && unread === undefined) return { found };
    if (found.length >= limit || reader.left === 0) break;
  }
  return { found, upTo: behind ?? "" };
}

/**
 * The schedules to which rows in the order of time point, and the first row to whose schedule it has not come. One whose
 * own row is gone is no more.
 */
async function schedulesIn(
  reader: RowReader,
  rows: readonly Entry[],
): Promise<{ readonly schedules: readonly Found<ObservedSchedule>[]; readonly unread: Entry | undefined }> {
  const pointed = rows.map((row) => ({ row, ...scheduled(row.key) })).filter(({ actor, name }) =>
    name !== undefined && (!actor.protocol.startsWith("~") || delayedReceiver(actor) !== undefined)
  );
  const { rows: timers, count } = await reader.read(
    pointed.map(({ actor, name }) => timerKey(actor, name)),
  );
  const schedules = pointed.slice(0, count).flatMap(({ row, dueMs, actor, name }) => {
    const timer = timers.get(timerKey(actor, name));
    if (timer === undefined) return [];
    const token = readableHead<StoredSchedule>(timer.value)?.token;
    const due = readableHead<StoredDue>(row.value)?.token;
    if (token !== undefined && due !== undefined && token !== due) return []; // it was set anew
    return [{ at: row.key.slice(schedulePrefix.length), item: observedSchedule(actor, name, dueMs, timer) }];
  });
  return { schedules, unread: pointed[count]?.row };
}

/** The schedule in a row. If that cannot be read, it is due as the row in the order of time says. */
export function observedSchedule(
  owner: ActorId,
  name: string,
  dueMs: number,
  { value }: Entry,
): ObservedSchedule {
  const receiver = delayedReceiver(owner);
  const actor = receiver ?? { protocol: owner.protocol, key: owner.key };
  const named = receiver === undefined ? { name } : {};
  try {
    const { head } = decodeValue<StoredSchedule>(value);
    const when = receiver === undefined ? { when: whenOf(head) } : {};
    return { actor, ...named, dueMs: numberIn(head.dueMs), ...when, to: addressIn(head.to) };
  } catch (error) {
    return { actor, ...named, dueMs, fault: `its row cannot be read: ${messageOf(error)}` };
  }
}
