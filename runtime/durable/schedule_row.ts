import type { ActorId, Address } from "../address.ts";

/** One schedule of an actor as it is in the store, besides its payload. Another row, in the order of time, points to it. */
export interface StoredSchedule {
  readonly actor: ActorId;
  readonly name: string;
  /** When it is due, in milliseconds since 1970. */
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
}

/** When a schedule is due next, after it was due at `dueMs`: ticks that were missed come as one. */
export function nextDueMs(dueMs: number, everyMs: number, nowMs: number): number {
  return dueMs + everyMs * (Math.floor(Math.max(nowMs - dueMs, 0) / everyMs) + 1);
}
