import { TimeZone } from "../base/time_zone.ts";
import { lastTimeMs } from "../base/times.ts";

/** The times of a cron expression. */
export interface CronExpression {
  readonly cron: string;
  /** The IANA name of the time zone; UTC if it is absent. */
  readonly timeZone?: string | undefined;
}

/** The most characters of an expression. */
const charactersMax = 256;
/** A nickname, or five to seven fields. The library would also take a single date, which does not repeat. */
const expressionPattern = /^\s*(?:@[a-z]+|\S+(?:\s+\S+){4,6})\s*$/i;

/** Throws a `RangeError` unless an expression has the form of one and its time zone exists. `what` names the schedule. */
export function requireCronForm(what: string, { cron, timeZone }: CronExpression): void {
  if (typeof cron !== "string" || cron.length > charactersMax || !expressionPattern.test(cron)) {
    throw unusable(what, { cron }, "five to seven fields, or a nickname such as @daily");
  }
  if (timeZone === undefined) return;
  try {
    new Intl.DateTimeFormat("en", { timeZone });
  } catch {
    const shown = JSON.stringify(String(timeZone).slice(0, 80));
    throw new RangeError(
      `Cannot schedule ${what}: timeZone must be the name of a time zone: current value is ${shown}`,
    );
  }
}

/** Reads cron expressions, with a library that is loaded when the first one is used. */
export class CronTimes {
  #library: typeof import("croner") | undefined;

  /** Whether the library is loaded. */
  get loaded(): boolean {
    return this.#library !== undefined;
  }

  /** Loads the library. */
  async load(): Promise<void> {
    this.#library ??= await import("croner");
  }

  /**
   * The first time after `nowMs`; `undefined` if there is none. The library must be loaded. Throws a `RangeError` if it
   * is no expression.
   */
  next({ cron, timeZone = "UTC" }: CronExpression, nowMs: number): number | undefined {
    if (nowMs >= lastTimeMs) return undefined;
    try {
      return timeZone !== "UTC" && namesTimesOfDay(cron)
        ? this.#nextTimeOfDay(cron, new TimeZone(timeZone), nowMs)
        : this.#nextIn(cron, timeZone, nowMs);
    } catch (cause) {
      throw new RangeError(`Cannot read the cron expression ${JSON.stringify(cron)}`, { cause });
    }
  }

  #nextIn(cron: string, timeZone: string, nowMs: number): number | undefined {
    const { Cron } = this.#library!;
    return new Cron(cron, { timezone: timeZone, paused: true }).nextRun(new Date(nowMs))?.getTime();
  }

  /** Finds what the clocks show next. The library itself would skip some times at a clock change, and find some twice. */
  #nextTimeOfDay(cron: string, zone: TimeZone, nowMs: number): number | undefined {
    for (let shownMs: number | undefined = zone.shownAt(nowMs);;) {
      shownMs = this.#nextIn(cron, "UTC", shownMs);
      if (shownMs === undefined) return undefined;
      const dueMs = zone.firstShowing(shownMs);
      if (dueMs > nowMs) return dueMs; // if not, it comes a second time
    }
  }

  /** As {@linkcode next}. Throws a `RangeError` also if there is no such time. `what` names the schedule. */
  first(what: string, expression: CronExpression, nowMs: number): number {
    let dueMs: number | undefined;
    try {
      dueMs = this.next(expression, nowMs);
    } catch {
      throw unusable(what, expression, "an expression whose fields are in their ranges");
    }
    if (dueMs === undefined) throw unusable(what, expression, "an expression that names a time to come");
    return dueMs;
  }
}

/** Whether an expression names its hours and minutes, and does not go on through every one of them. */
function namesTimesOfDay(cron: string): boolean {
  const fields = cron.trim().split(/\s+/);
  if (fields.length === 1) return fields[0].toLowerCase() !== "@hourly";
  const [minute, hour] = fields.length === 5 ? fields : fields.slice(1);
  return !/[*?]/.test(minute + hour);
}

function unusable(what: string, { cron }: { readonly cron: unknown }, must: string): RangeError {
  const shown = JSON.stringify(String(cron).slice(0, 80));
  return new RangeError(`Cannot schedule ${what}: cron must be ${must}: current value is ${shown}`);
}
