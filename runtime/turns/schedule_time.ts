import { type Address, faultOfName } from "../language/address.ts";
import type { When } from "../language/when.ts";
import { didYouMean } from "../base/did_you_mean.ts";
import { fingerprint } from "../base/fingerprint.ts";
import { timeAfter } from "../base/times.ts";
import { type CronTimes, requireCronForm } from "./cron_times.ts";

/** A time that comes again and again. */
export type Repetition = Extract<When, { everyMs: number } | { cron: string }>;

/** Whether a schedule repeats. */
export function repeats(when: When): when is Repetition {
  return "everyMs" in when || "cron" in when;
}

/** Whether a schedule is set only if there is none of its name. */
export function isIfAbsent(when: When): boolean {
  return !repeats(when) && when.ifAbsent === true;
}

/** When a schedule that is set now is first due. Throws a `RangeError` if that is never. */
export function firstDueMs(name: string, when: When, nowMs: number, cron: CronTimes): number {
  if ("at" in when) return Math.max(when.at.getTime(), nowMs);
  if ("cron" in when) return cron.first(name, when, nowMs);
  return timeAfter(nowMs, "afterMs" in when ? when.afterMs : when.everyMs);
}

/**
 * A hash that tells a schedule that is set again as it is from a changed one: of its time, its address and its payload.
 * Throws if the payload cannot be read.
 */
export function printOf(when: Repetition, { protocol, key, operation }: Address, payload: unknown): string {
  const time = "cron" in when ? [when.cron, when.timeZone ?? "UTC"] : [when.everyMs];
  return fingerprint([time, protocol, key, operation, payload]);
}

/** Throws a `RangeError` if the name of a schedule is not valid. `verb` is what cannot be done then. */
export function requireScheduleName(verb: string, name: string): void {
  const fault = faultOfName(name);
  if (fault === undefined) return;
  const shown = JSON.stringify(String(name).slice(0, 80));
  throw new RangeError(`Cannot ${verb} ${shown}: a name is 1 to 512 bytes of text: ${fault}`);
}

/** Throws a `RangeError` if the name or the time of a schedule is not valid. */
export function requireSchedule(name: string, when: When): void {
  requireScheduleName("schedule", name);
  requireOneTime(name, when);
  const { ifAbsent }: { readonly ifAbsent?: boolean } = when;
  if (ifAbsent === true && repeats(when)) {
    const why = "one that repeats goes on if it is set again as it is";
    throw new RangeError(`Cannot schedule ${name}: ifAbsent is for a schedule that is due once: ${why}`);
  }
  if ("cron" in when) return requireCronForm(name, when);
  if ("at" in when) return requireDate(name, when.at);
  const [option, value, least] = "afterMs" in when
    ? ["afterMs", when.afterMs, 0]
    : ["everyMs", when.everyMs, 1];
  if (Number.isFinite(value) && value >= least) return;
  const what = `a finite number of milliseconds of at least ${least}`;
  throw new RangeError(
    `Cannot schedule ${name}: ${option} must be ${what}: current value is ${String(value)}`,
  );
}

/** What the time of a schedule may say, by the option that says when it is due. */
const optionsOf: { readonly [Time in "afterMs" | "at" | "everyMs" | "cron"]: readonly string[] } = {
  afterMs: ["ifAbsent"],
  at: ["ifAbsent"],
  everyMs: ["ifAbsent"], // which is refused with a reason of its own
  cron: ["ifAbsent", "timeZone"],
};

/** Throws a `RangeError` unless a time says once when a schedule is due, and nothing that has no meaning there. */
function requireOneTime(name: string, when: unknown): void {
  const times = Object.keys(optionsOf) as (keyof typeof optionsOf)[];
  const given = typeof when === "object" && when !== null ? times.filter((time) => time in when) : [];
  const [time] = given;
  if (given.length !== 1) {
    const current = given.length === 0 ? "none of them is given" : `${given.join(" and ")} are given`;
    throw new RangeError(
      `Cannot schedule ${name}: it needs one of afterMs, at, everyMs and cron: ${current}`,
    );
  }
  const known = [time, ...optionsOf[time]];
  const unknown = Object.entries(when as object)
    .find(([option, value]) => value !== undefined && !known.includes(option));
  if (unknown === undefined) return;
  const option = unknown[0].slice(0, 80);
  const near = didYouMean(option, known);
  throw new RangeError(`Cannot schedule ${name}: a time with ${time} has no option ${option}${near}`);
}

function requireDate(name: string, at: Date): void {
  const atMs = at instanceof Date ? at.getTime() : NaN;
  if (!Number.isNaN(atMs)) return;
  throw new RangeError(`Cannot schedule ${name}: at must be a valid date: current value is ${String(at)}`);
}
