import type { ActorId } from "../../language/address.ts";
import { LimitExceededError } from "../../base/errors.ts";
import { type ScheduleChange, schedulesMax } from "../../turns/schedules.ts";
import type { Entry, StoreConnection } from "../../ports/store.ts";
import { timerKey, timerName } from "./keys.ts";
import type { StoredSchedule } from "./schedule_row.ts";
import { decodeValue } from "./value_codec.ts";

/** What the record of an actor knows of one of its schedules: enough to remove its rows. */
export interface ScheduleSummary {
  /**
   * When it is due. Of one that repeats that is when it was due first: the schedule runner moves its rows, and not the
   * record.
   */
  readonly dueMs: number;
  readonly repeats?: true | undefined;
  /** How many bytes its row has. */
  readonly bytes: number;
}

/** The schedules of an actor by their names, as its record has them. One that fired may still be there. */
export type ScheduleSummaries = Readonly<Record<string, ScheduleSummary>>;

/** What the rows of schedules say; `undefined` for a row that is not there. */
export type TimerRows = ReadonlyMap<string, ScheduleSummary | undefined>;

/** The summary of a name; names are any text, also those that every object has. */
function summaryOf(plans: ScheduleSummaries, name: string): ScheduleSummary | undefined {
  return Object.hasOwn(plans, name) ? plans[name] : undefined;
}

/** What a row says of its schedule. One that cannot be read is like one that has fired: it can be set anew. */
function summaryIn({ value }: Entry): ScheduleSummary {
  const bytes = value.length;
  try {
    const { dueMs, everyMs } = decodeValue<StoredSchedule>(value).head;
    return { dueMs, repeats: everyMs === undefined ? undefined : true, bytes };
  } catch {
    return { dueMs: 0, bytes };
  }
}

/** The plans that these rows make. */
export function summariesOf(rows: readonly Entry[]): ScheduleSummaries {
  return Object.fromEntries(rows.map((row) => [timerName(row.key), summaryIn(row)]));
}

/**
 * The names whose rows must be read before changes are written: what repeats, of which only its row knows when it is due,
 * and where there would be too many, what may have fired. What is no plan of `committed` is only in this batch as yet.
 */
export function namesToRead(
  plans: ScheduleSummaries,
  committed: ScheduleSummaries,
  changes: readonly ScheduleChange[],
  nowMs: number,
): readonly string[] {
  const names = new Set<string>();
  for (const { name } of changes) {
    const plan = summaryOf(plans, name);
    if (plan?.repeats === true && summaryOf(committed, name) === plan) names.add(name);
  }
  if (Object.keys(plans).length + changes.length > schedulesMax) {
    for (const [name, plan] of Object.entries(plans)) {
      if (plan.dueMs <= nowMs && summaryOf(committed, name) === plan) names.add(name);
    }
  }
  return [...names];
}

/** What the rows of some schedules say. */
export async function readTimers(
  connection: StoreConnection,
  actor: ActorId,
  names: readonly string[],
): Promise<TimerRows> {
  const rows = await connection.read(names.map((name) => timerKey(actor, name)));
  return new Map(names.map((name, index) => {
    const row = rows[index];
    return [name, row && summaryIn(row)];
  }));
}

/** Throws a `LimitExceededError` where an actor would have more schedules than it may. */
export function requireRoom(count: number, { protocol, key }: ActorId): void {
  if (count <= schedulesMax) return;
  throw new LimitExceededError(
    "too-many-schedules",
    `Cannot schedule for ${protocol}/${key}: it would have ${count} of ${schedulesMax} schedules`,
  );
}
