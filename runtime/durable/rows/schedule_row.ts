import type { ActorId, Address } from "../../language/address.ts";
import type { When } from "../../language/when.ts";
import { LimitExceededError } from "../../base/errors.ts";
import { guarded } from "../../base/guarded.ts";
import { lastTimeMs } from "../../base/times.ts";
import type { AtomicPart, Entry, Put, StoreConnection, StoreLimits } from "../../ports/store.ts";
import { requireFits, sizeOfCommit } from "../../ports/commit_size.ts";
import type { CronTimes } from "../../turns/cron_times.ts";
import { isIfAbsent, printOf, type Repetition } from "../../turns/schedule_time.ts";
import { type ScheduleChange, schedulesMax } from "../../turns/schedules.ts";
import type { MessageHeader } from "./queued_message.ts";
import { decodeValue, fromText } from "./value_codec.ts";
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
  /** The expression of one that repeats so, and its time zone. */
  readonly cron?: string | undefined;
  readonly timeZone?: string | undefined;
  readonly to: Address;
  /** Distinguishes it from earlier schedules of the same name. */
  readonly token: string;
  /** The message of a delayed send: it was accepted before, and is sent as it was. */
  readonly delayed?: DelayedMessage | undefined;
}

/** A message that waits until it is due, besides its payload. */
export interface DelayedMessage {
  readonly head: MessageHeader;
  /** How long after it is due it may begin; absent if it has no deadline. */
  readonly timeoutMs?: number | undefined;
  /** The actor that sent it, if one did. */
  readonly from?: ActorId | undefined;
  /** The scope of its id, which tells its sender to other services. */
  readonly scope?: string | undefined;
}

/** The row in the order of time. */
export interface StoredDue {
  readonly token: string;
  /** The clock by which a delay was measured; absent if the schedule is due at a time of day. */
  readonly by?: SetBy | undefined;
  /** When a delayed message must have begun; absent if it has no deadline. */
  readonly endMs?: number | undefined;
}

/** The instance that set a schedule, the time by its clock, and how far that clock had been set back by then. */
export interface SetBy {
  readonly instance: string;
  readonly atMs: number;
  readonly backMs: number;
}

/** When a delayed message must have begun that is due then; absent if it has no deadline. */
export function endOf({ delayed }: StoredSchedule, dueMs: number): number | undefined {
  return delayed?.timeoutMs && dueMs + delayed.timeoutMs;
}

/** The time that repeats of a schedule; `undefined` if it is due once. */
function repetitionOf({ everyMs, cron, timeZone }: StoredSchedule): Repetition | undefined {
  if (cron !== undefined) return { cron, ...timeZone !== undefined && { timeZone } };
  return everyMs === undefined ? undefined : { everyMs };
}

/** When a schedule is due, as it was set; of one that is due once only the time is left. */
export function whenOf(schedule: StoredSchedule): When {
  return repetitionOf(schedule) ?? { at: new Date(schedule.dueMs) };
}

/**
 * The next time of a schedule that was due at `dueMs`: several missed times become one. `undefined` if there is none.
 * Throws a `RangeError` if its expression is none.
 */
export function nextDueMs(
  schedule: StoredSchedule,
  nowMs: number,
  cronTimes: CronTimes,
): number | undefined {
  const { dueMs, everyMs, cron, timeZone } = schedule;
  if (cron !== undefined) return cronTimes.next({ cron, timeZone }, Math.max(dueMs, nowMs));
  if (everyMs === undefined) return undefined;
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
  const { actor, name, dueMs, to } = schedule;
  const once = repetitionOf(schedule) === undefined;
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
    writes: once ? mail : [...mail, { key, value, oldBytes }, { key: due, value: nothing }],
    removals: once ? [{ key: due }, { key, oldBytes }] : [{ key: due }],
  };
  const what = schedule.delayed === undefined
    ? `the schedule ${name} of ${actor.protocol}/${actor.key}`
    : `${to.protocol}/${to.key} ${to.operation}`;
  requireFits(`${what} when it is due`, sizeOfCommit(part, limits), limits);
}

/** A schedule in the record of its actor: enough to remove its rows. */
export interface ScheduleSummary {
  /**
   * When it is due. A schedule that repeats keeps its first time here, since the schedule runner writes its rows and
   * not the record.
   */
  readonly dueMs: number;
  readonly repeats?: true | undefined;
  /** The hash of one that repeats, by which it is known if it is set again as it is. */
  readonly print?: string | undefined;
  /** The size of its row. */
  readonly bytes: number;
}

/** The schedules in the record of an actor, by their names. One that has fired, or was cancelled, may still be among them. */
export type ScheduleSummaries = Readonly<Record<string, ScheduleSummary>>;

/** A schedule in a row. */
export interface TimerRow {
  readonly summary: ScheduleSummary;
  readonly version: string;
}

/** The schedules in rows, by their names; `undefined` for a row that does not exist. */
export type TimerRows = ReadonlyMap<string, TimerRow | undefined>;

/** The summary of that name. A name is any text, also `constructor`. */
function summaryOf(plans: ScheduleSummaries, name: string): ScheduleSummary | undefined {
  return Object.hasOwn(plans, name) ? plans[name] : undefined;
}

/** The summary of a row. A row that cannot be read counts as fired: the schedule can be set anew. */
function summaryIn({ value }: Entry): ScheduleSummary {
  const bytes = value.length;
  const head = readableHead<StoredSchedule>(value);
  if (head === undefined) return { dueMs: 0, bytes };
  const repetition = repetitionOf(head);
  if (repetition === undefined) return { dueMs: head.dueMs, bytes };
  const payload = () => fromText(decodeValue<StoredSchedule>(value).text);
  const print = guarded(() => printOf(repetition, head.to, payload()), undefined);
  return { dueMs: head.dueMs, repeats: true, print, bytes };
}

/** The summaries of rows. */
export function summariesOf(rows: readonly Entry[]): ScheduleSummaries {
  return Object.fromEntries(rows.map((row) => [lastPart(row.key), summaryIn(row)]));
}

/**
 * The names whose rows must be read before changes are written: of a schedule that repeats only the row has the next
 * time; whether one that is due once has fired matters if it is to stay; and if there would be too many schedules, the
 * rows tell which have fired. A schedule that `committed` does not have was set in this batch, and has no row yet.
 */
export function namesToRead(
  plans: ScheduleSummaries,
  committed: ScheduleSummaries,
  changes: readonly ScheduleChange[],
  nowMs: number,
): readonly string[] {
  const names = new Set<string>();
  for (const { name, when } of changes) {
    const plan = summaryOf(plans, name);
    if (plan === undefined || summaryOf(committed, name) !== plan) continue;
    if (plan.repeats || (when && isIfAbsent(when))) names.add(name);
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
    return [name, row && { summary: summaryIn(row), version: row.version }];
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
