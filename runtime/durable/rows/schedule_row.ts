import type { ActorId, Address } from "../../language/address.ts";
import type { AtomicPart, Put, StoreLimits } from "../../ports/store.ts";
import { requireFits, sizeOfCommit } from "../../ports/commit_size.ts";
import { lastTimeMs } from "../../base/times.ts";
import { indexKey, mailPrefix, scheduleKey, timerKey } from "./keys.ts";

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

const nothing = new Uint8Array();
