import type { ActorId, Address } from "../../language/address.ts";
import { LimitExceededError } from "../../base/errors.ts";
import { lastTimeMs } from "../../base/times.ts";
import type { AtomicPart, Entry, Put, StoreConnection, StoreLimits } from "../../ports/store.ts";
import { requireFits, sizeOfCommit } from "../../ports/commit_size.ts";
import { type ScheduleChange, schedulesMax } from "../../turns/schedules.ts";
import { indexKey, lastPart, mailPrefix, scheduleKey, timerKey } from "./keys.ts";
import { readableHead } from "./readable_head.ts";

const nothing = new Uint8Array();

/** A schedule as its row has it, besides its payload. Another row, in the order of time, points to this one. */
export interface StoredSchedule {
  readonly actor: ActorId;
  readonly name: string;
  /** When it is due, in milliseconds since 1970, with fractions. */
  readonly dueMs: number;
  /** The interval of a schedule that repeats; absent if it is due once. */
  readonly everyMs?: number | undefined;
  readonly to: Address;
  /** Distinguishes it from earlier schedules of the same name. */
  readonly token: string;
}

/** The row in the order of time. */
export interface StoredDue {
  readonly token: string;
  /** The clock by which a delay was measured; absent if the schedule is due at a time of day. */
  readonly by?: SetBy | undefined;
}

/** The instance that set a schedule, the time by its clock, and how far that clock had been set back by then. */
export interface SetBy {
  readonly instance: string;
  readonly atMs: number;
  readonly backMs: number;
}

/** The next time of a schedule that was due at `dueMs`: several missed times become one. */
export function nextDueMs(dueMs: number, everyMs: number, nowMs: number): number {
  return Math.min(dueMs + everyMs * (Math.floor(Math.max(nowMs - dueMs, 0) / everyMs) + 1), lastTimeMs);
}

/** The most bytes that a message has besides those of its schedule: its position, its id and its instance. */
const mailBytes = 1_024;
const place = "0".repeat(40);

/** Throws a `TooLargeError` if no commit could take the writes of a schedule that is due. */
export function requireFiring(
  schedule: StoredSchedule,
  row: Pick<Put, "key" | "value">,
  limits: StoreLimits,
): void {
  const { actor, name, dueMs, everyMs, to } = schedule;
  const { key, value } = row;
  const due = scheduleKey(dueMs, actor, name);
  const oldBytes = value.length;
  const mail = [
    { key: mailPrefix(to) + place, value },
    { key: indexKey(place, to), value: nothing },
    { key: place, value: new Uint8Array(mailBytes) },
  ];
  const part: AtomicPart = {
    checks: [{ key: due, version: place }, { key: timerKey(actor, name), version: place }],
    writes: everyMs === undefined ? mail : [...mail, { key, value, oldBytes }, { key: due, value: nothing }],
    removals: everyMs === undefined ? [{ key: due }, { key, oldBytes }] : [{ key: due }],
  };
  requireFits(
    `the schedule ${name} of ${actor.protocol}/${actor.key} when it is due`,
    sizeOfCommit(part, limits),
    limits,
  );
}

/** A schedule in the record of its actor: enough to remove its rows. */
export interface ScheduleSummary {
  /**
   * When it is due. A schedule that repeats keeps its first time here, since the schedule runner writes its rows and
   * not the record.
   */
  readonly dueMs: number;
  readonly repeats?: true | undefined;
  /** The size of its row. */
  readonly bytes: number;
}

/** The schedules in the record of an actor, by their names. One that has fired may still be among them. */
export type ScheduleSummaries = Readonly<Record<string, ScheduleSummary>>;

/** The schedules in rows, by their names; `undefined` for a row that does not exist. */
export type TimerRows = ReadonlyMap<string, ScheduleSummary | undefined>;

/** The summary of that name. A name is any text, also `constructor`. */
function summaryOf(plans: ScheduleSummaries, name: string): ScheduleSummary | undefined {
  return Object.hasOwn(plans, name) ? plans[name] : undefined;
}

/** The summary of a row. A row that cannot be read counts as fired: the schedule can be set anew. */
function summaryIn({ value }: Entry): ScheduleSummary {
  const bytes = value.length;
  const head = readableHead<StoredSchedule>(value);
  if (head === undefined) return { dueMs: 0, bytes };
  return { dueMs: head.dueMs, repeats: head.everyMs === undefined ? undefined : true, bytes };
}

/** The summaries of rows. */
export function summariesOf(rows: readonly Entry[]): ScheduleSummaries {
  return Object.fromEntries(rows.map((row) => [lastPart(row.key), summaryIn(row)]));
}

/**
 * The names whose rows must be read before changes are written: of a schedule that repeats only the row has the next
 * time; and if there would be too many schedules, the rows tell which have fired. A schedule that `committed` does not
 * have was set in this batch, and has no row yet.
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

/** Reads the rows of some schedules. */
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

/** Throws a `LimitExceededError` if an actor would have more schedules than it may. */
export function requireRoom(count: number, { protocol, key }: ActorId): void {
  if (count <= schedulesMax) return;
  throw new LimitExceededError(
    "too-many-schedules",
    `Cannot schedule for ${protocol}/${key}: it would have ${count} of ${schedulesMax} schedules`,
  );
}
