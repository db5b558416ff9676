import type { Address } from "../language/address.ts";
import type { When } from "../language/when.ts";
import { LimitExceededError } from "../base/errors.ts";
import { guarded } from "../base/guarded.ts";
import type { Timer } from "../scheduling/timers.ts";
import { firstDueMs, isIfAbsent, printOf, repeats } from "./schedule_time.ts";
import type { TurnServices } from "./turn_services.ts";

/** A schedule that a turn sets under a name; without `when` it cancels the one of that name. */
export interface ScheduleChange {
  readonly name: string;
  readonly when?: When;
  readonly to?: Address;
  readonly payload?: unknown;
  /** Is told why the change cannot be made. It is then left out, and its turn does not fail. */
  readonly onRefused?: (error: unknown) => void;
}

/** A change that sets a schedule. */
export type SetSchedule = ScheduleChange & Required<Pick<ScheduleChange, "when" | "to">>;

/** What the schedules of an actor need of its system. */
export interface ScheduleServices extends Pick<TurnServices, "clock" | "timers" | "cron"> {
  readonly delivery: { deliverTo(address: Address, payload: unknown): void };
}

interface Schedule {
  timer: Timer;
  /** When it is due, in milliseconds since 1970. */
  dueMs: number;
  readonly when: When;
  readonly to: Address;
  readonly payload: unknown;
}

/** A schedule that waits. */
export interface WaitingSchedule {
  readonly name: string;
  readonly when: When;
  readonly to: Address;
  readonly dueMs: number;
}

/** A turn that may change schedules. */
interface ChangingTurn {
  readonly schedules: readonly ScheduleChange[] | undefined;
  /** Changes none of them. */
  keepSchedules(): void;
}

/** The most schedules of one actor. */
export const schedulesMax = 1_000;

/** Whether a change sets a schedule, and does not cancel one. */
export function isSet(change: ScheduleChange): change is SetSchedule {
  return change.when !== undefined && change.to !== undefined;
}

/**
 * Tells a change that came from outside why it cannot be made. Returns whether there was one: then its turn must not fail,
 * since its actor did nothing wrong.
 */
export function tellRefused(changes: readonly ScheduleChange[], error: unknown): boolean {
  const onRefused = changes.find((change) => change.onRefused !== undefined)?.onRefused;
  onRefused?.(error);
  return onRefused !== undefined;
}

/** Whether a change needs the times of a cron expression. */
export function needsCron(changes: readonly ScheduleChange[]): boolean {
  return changes.some(({ when }) => when !== undefined && "cron" in when);
}

/** The schedules of one actor that lives in memory, by name. */
export class Schedules {
  readonly #services: ScheduleServices;
  readonly #onEmpty: () => void;
  readonly #schedules = new Map<string, Schedule>();

  /** `onEmpty` is called when the last one has fired, or was cancelled outside a turn. */
  constructor(services: ScheduleServices, onEmpty: () => void) {
    this.#services = services;
    this.#onEmpty = onEmpty;
  }

  /** How many schedules there are. */
  get size(): number {
    return this.#schedules.size;
  }

  /** Those that wait now. */
  list(): WaitingSchedule[] {
    return Array.from(this.#schedules, ([name, { when, to, dueMs }]) => ({ name, when, to, dueMs }));
  }

  /** Throws if a turn cannot change them so. If somebody outside asked for that, it is told instead, and all stay. */
  requireTurn(turn: ChangingTurn, actor: string): void {
    try {
      this.requireChanges(turn.schedules ?? [], actor);
    } catch (error) {
      if (!tellRefused(turn.schedules ?? [], error)) throw error;
      turn.keepSchedules();
    }
  }

  /**
   * Throws a `LimitExceededError` if there would be too many after the changes, and a `RangeError` if one of them would
   * never be due: then none of them may be made.
   */
  requireChanges(changes: readonly ScheduleChange[], actor: string): void {
    const names = new Set(this.#schedules.keys());
    const { clock, cron } = this.#services;
    for (const change of changes) {
      if (isSet(change)) {
        names.add(change.name);
        if (repeats(change.when)) firstDueMs(change.name, change.when, clock.now(), cron);
      } else names.delete(change.name);
    }
    if (names.size <= schedulesMax) return;
    throw new LimitExceededError(
      "too-many-schedules",
      `Cannot schedule for ${actor}: it would have ${names.size} of ${schedulesMax} schedules`,
    );
  }

  /**
   * Sets a schedule in place of the one of its name, or cancels that. One that repeats and is set again as it is goes
   * on.
   */
  change(change: ScheduleChange): void {
    const before = this.#schedules.get(change.name);
    if (before !== undefined && isSet(change) && staysAs(before, change)) return;
    before?.timer.cancel();
    this.#schedules.delete(change.name);
    if (!isSet(change)) return;
    const { name, when, to, payload } = change;
    const nowMs = this.#services.clock.now();
    // The last time of an expression may have passed since it was checked.
    const dueMs = guarded(() => firstDueMs(name, when, nowMs, this.#services.cron), undefined);
    if (dueMs === undefined) return;
    const delayMs = "afterMs" in when ? when.afterMs : "everyMs" in when ? when.everyMs : dueMs - nowMs;
    this.#schedules.set(name, { when, to, payload, dueMs, timer: this.#arm(name, delayMs) });
  }

  /** Cancels one, outside a turn. Returns whether there was one. */
  cancel(name: string): boolean {
    const schedule = this.#schedules.get(name);
    if (schedule === undefined) return false;
    schedule.timer.cancel();
    this.#schedules.delete(name);
    if (this.#schedules.size === 0) this.#onEmpty();
    return true;
  }

  /** Cancels all of them. */
  clear(): void {
    for (const { timer } of this.#schedules.values()) timer.cancel();
    this.#schedules.clear();
  }

  #arm(name: string, delayMs: number): Timer {
    return this.#services.timers.set(delayMs, () => this.#fire(name));
  }

  #fire(name: string): void {
    const schedule = this.#schedules.get(name)!;
    if (!this.#again(name, schedule)) this.#schedules.delete(name);
    this.#services.delivery.deliverTo(schedule.to, schedule.payload);
    if (this.#schedules.size === 0) this.#onEmpty();
  }

  /** Arms a schedule that repeats for its next time: one stands for all that were missed. Returns whether there is one. */
  #again(name: string, schedule: Schedule): boolean {
    const { clock, timers, cron } = this.#services;
    const { when } = schedule;
    const nowMs = clock.now();
    let delayMs: number;
    if ("everyMs" in when) {
      delayMs = when.everyMs - ((timers.monotonicMs() - schedule.timer.dueMs) % when.everyMs);
    } else if ("cron" in when) {
      // Behind the time that it was due at, also if the clock of the machine has not come to that.
      const nextMs = cron.next(when, Math.max(nowMs, schedule.dueMs));
      if (nextMs === undefined) return false;
      delayMs = nextMs - nowMs;
    } else return false;
    schedule.dueMs = nowMs + delayMs;
    schedule.timer = this.#arm(name, delayMs);
    return true;
  }
}

/** Whether a schedule stays although one of its name is set. */
function staysAs(before: Schedule, { when, to, payload }: SetSchedule): boolean {
  if (!repeats(when)) return isIfAbsent(when);
  const { when: old } = before;
  if (!repeats(old)) return false;
  // A payload that cannot be read is not known to be the same.
  return guarded(() => printOf(when, to, payload) === printOf(old, before.to, before.payload), false);
}
