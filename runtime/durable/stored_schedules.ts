import type { Scheduled, ScheduleFilter } from "../ports/scheduled.ts";
import type { StoreConnection } from "../ports/store.ts";
import { delayedProtocol, protocolTimersPrefix, timerPrefix, timersPrefix } from "./rows/keys.ts";
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

function prefixOf(of: ScheduleFilter | undefined): string {
  if (of === undefined) return timersPrefix;
  const { protocol, key } = of;
  return key === undefined ? protocolTimersPrefix(protocol) : timerPrefix({ protocol, key });
}
