import { type Address, faultOfName } from "../language/address.ts";
import type { When } from "../language/context.ts";
import { LimitExceededError } from "../base/errors.ts";
import type { Timer } from "../scheduling/timers.ts";
import type { TurnServices } from "./turn_services.ts";

/** A schedule that a turn sets under a name; without `when` it cancels the one of that name. */
export interface ScheduleChange {
  readonly name: string;
  readonly when?: When;
  readonly to?: Address;
  readonly payload?: unknown;
}

/** What the schedules of an actor need of its system. */
export interface ScheduleServices extends Pick<TurnServices, "clock" | "timers"> {
  readonly delivery: { deliverTo(address: Address, payload: unknown): void };
}

interface Schedule {
  timer: Timer;
  readonly when: When;
  readonly to: Address;
  readonly payload: unknown;
}

/** The most schedules of one actor. */
export const schedulesMax = 1_000;

/** The schedules of one actor that lives in memory, by name. */
export class Schedules {
  readonly #services: ScheduleServices;
  readonly #onEmpty: () => void;
  readonly #schedules = new Map<string, Schedule>();

  /** `onEmpty` is called when the last one has fired. */
  constructor(services: ScheduleServices, onEmpty: () => void) {
    this.#services = services;
    this.#onEmpty = onEmpty;
  }

  /** How many schedules there are. */
  get size(): number {
    return this.#schedules.size;
  }

  /** Throws a `LimitExceededError` if there would be too many. */
  requireRoom(changes: readonly ScheduleChange[], actor: string): void {
    const names = new Set(this.#schedules.keys());
    for (const { name, when } of changes) when === undefined ? names.delete(name) : names.add(name);
    if (names.size <= schedulesMax) return;
    throw new LimitExceededError(
      "too-many-schedules",
      `Cannot schedule for ${actor}: it would have ${names.size} of ${schedulesMax} schedules`,
    );
  }

  /** Sets a schedule in place of the one of its name, or cancels that. */
  change({ name, when, to, payload }: ScheduleChange): void {
    this.#schedules.get(name)?.timer.cancel();
    this.#schedules.delete(name);
    if (when === undefined || to === undefined) return;
    const delayMs = "afterMs" in when
      ? when.afterMs
      : "everyMs" in when
      ? when.everyMs
      : when.at.getTime() - this.#services.clock.now();
    this.#schedules.set(name, { when, to, payload, timer: this.#arm(name, Math.max(delayMs, 0)) });
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
    if ("everyMs" in schedule.when) {
      const { everyMs } = schedule.when;
      const lateMs = this.#services.timers.monotonicMs() - schedule.timer.dueMs;
      schedule.timer = this.#arm(name, everyMs - (lateMs % everyMs)); // one tick stands for those that were missed
    } else {
      this.#schedules.delete(name);
    }
    this.#services.delivery.deliverTo(schedule.to, schedule.payload);
    if (this.#schedules.size === 0) this.#onEmpty();
  }
}

/** Throws a `RangeError` if the name or the time of a schedule is not valid. */
export function requireSchedule(name: string, when: When): void {
  const fault = faultOfName(name);
  if (fault !== undefined) {
    const shown = JSON.stringify(String(name).slice(0, 80));
    throw new RangeError(`Cannot schedule ${shown}: a name is 1 to 512 bytes of text: ${fault}`);
  }
  if ("at" in when) {
    const atMs = when.at instanceof Date ? when.at.getTime() : NaN;
    if (!Number.isNaN(atMs)) return;
    throw new RangeError(
      `Cannot schedule ${name}: at must be a valid date: current value is ${String(when.at)}`,
    );
  }
  const [option, value, least] = "afterMs" in when
    ? ["afterMs", when.afterMs, 0]
    : ["everyMs", when.everyMs, 1];
  if (Number.isFinite(value) && value >= least) return;
  const what = `a finite number of milliseconds of at least ${least}`;
  throw new RangeError(
    `Cannot schedule ${name}: ${option} must be ${what}: current value is ${String(value)}`,
  );
}
