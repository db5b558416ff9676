import type { ActorId, Address } from "../../language/address.ts";
import { LimitExceededError } from "../../base/errors.ts";
import { lastTimeMs } from "../../base/times.ts";
import type { AtomicPart, Entry, Put, StoreConnection, StoreLimits } from "../../ports/store.ts";
import { requireFits, sizeOfCommit } from "../../ports/commit_size.ts";
import { type ScheduleChange, schedulesMax } from "../../turns/schedules.ts";
import { indexKey, mailPrefix, scheduleKey, timerKey, timerName } from "./keys.ts";
import { decodeValue } from "./value_codec.ts";

const nothing = new Uint8Array();

/** One schedule of an actor as it is in the store, besides its payload. Another row, in the order of time, points to it. */
export interface StoredSchedule {
  readonly actor: ActorId;
  readonly name: string;
  /** When it is due, in milliseconds since 1970, to the part of one. */
  readonly dueMs: number;
  /** How long until it is due again; absent where it is due once. */
  readonly everyMs?: number | undefined;
  readonly to: Address;
  /** Tells it from another that had its name. */
  readonly token: string;
}

/** What is in the row in the order of time. */
export interface StoredDue {
  readonly token: string;
  /** By whose clock it is due so long after something; absent where it is due at a time of day. */
  readonly by?: SetBy | undefined;
}

/** Who set a schedule: when, by its clock, and how far that had been set back by then. */
export interface SetBy {
  readonly instance: string;
  readonly atMs: number;
  readonly backMs: number;
}

/** When a schedule is due next, after it was due at `dueMs`: ticks that were missed come as one. */
export function nextDueMs(dueMs: number, everyMs: number, nowMs: number): number {
  return Math.min(dueMs + everyMs * (Math.floor(Math.max(nowMs - dueMs, 0) / everyMs) + 1), lastTimeMs);
}

/** What a message has besides what its schedule says, at the most: its place, its id and who wrote it. */
const mailBytes = 1_024;
const place = "0".repeat(40);

/** Throws a `TooLargeError` where no commit could take what a schedule does when it is due. */
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
