import type { ActorId } from "../language/address.ts";
import type { Scheduled, ScheduleFilter } from "../ports/scheduled.ts";
import type { StoreConnection } from "../ports/store.ts";
import { commitKnown } from "./commits/commit_one.ts";
import type { StoreSession } from "./commits/store_session.ts";
import { removalOf } from "./commits/write_set.ts";
import {
  delayedProtocol,
  protocolTimersPrefix,
  scheduleKey,
  timerKey,
  timerPrefix,
  timersPrefix,
} from "./rows/keys.ts";
import { pages } from "./rows/pages.ts";
import { readableHead } from "./rows/readable_head.ts";
import { type StoredSchedule, whenOf } from "./rows/schedule_row.ts";

/** How many schedules are read together. */
const pageMax = 100;

/** The schedules in a store, in the order of their keys, a page at a time. Rows that cannot be read are left out. */
export async function* storedSchedules(
  connection: StoreConnection,
  of: ScheduleFilter | undefined,
): AsyncGenerator<Scheduled> {
  for await (const rows of pages(connection, { prefix: prefixOf(of), limit: pageMax })) {
    for (const { value } of rows) {
      const head = readableHead<StoredSchedule>(value);
      if (head === undefined || head.actor.protocol === delayedProtocol) continue;
      const { actor, name, to, dueMs } = head;
      yield { actor, name, when: whenOf(head), to, dueMs };
    }
  }
}

/**
 * Removes a schedule. It needs no turn of its actor, which may be behind messages that wait for long, or hosted nowhere any
 * more; the record of the actor may name a schedule that is gone, as it does one that has fired. Resolves with whether
 * there was one.
 */
export async function cancelStored(session: StoreSession, actor: ActorId, name: string): Promise<boolean> {
  const what = `cancelling the schedule ${name} of ${actor.protocol}/${actor.key}`;
  for (;;) {
    const [row] = await session.connection.read([timerKey(actor, name)]);
    if (row === undefined) return false;
    const writeSet = removalOf(row, row.value.length);
    const head = readableHead<StoredSchedule>(row.value); // if not, the schedule runner removes the row in the order of time
    if (head !== undefined) writeSet.remove(scheduleKey(head.dueMs, actor, name));
    if (await commitKnown(session, writeSet, what) !== undefined) return true; // otherwise it fired, or was set anew
  }
}

function prefixOf(of: ScheduleFilter | undefined): string {
  if (of === undefined) return timersPrefix;
  const { protocol, key } = of;
  return key === undefined ? protocolTimersPrefix(protocol) : timerPrefix({ protocol, key });
}
