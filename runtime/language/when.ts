/**
 * When a message that is sent now takes its place in the mailbox: after a delay in milliseconds of at least 0, or at a
 * time (at once if that has passed). Messages that were sent before have no order with it.
 */
export type DelayOptions =
  | { readonly afterMs?: number; readonly at?: never }
  | { readonly at?: Date; readonly afterMs?: never };

/**
 * When a scheduled message is due: once after a delay (at least 0 ms), once at a time (at once if that has passed), or
 * repeatedly: at an interval of at least 1 ms, or at the times of a cron expression. With `ifAbsent`, a schedule of the
 * same name that is still to come stays as it is.
 *
 * A cron expression has five fields (minute, hour, day of the month, month, day of the week), six with seconds in front,
 * or seven with years at the end, or it is a nickname such as `@daily`. Its times are those of `timeZone`, an IANA name;
 * UTC by default. A time of day that a clock change skips is due at the first moment after the gap; one that comes twice
 * is due the first time.
 */
export type When =
  | { readonly afterMs: number; readonly ifAbsent?: boolean; readonly timeZone?: never }
  | { readonly at: Date; readonly ifAbsent?: boolean; readonly timeZone?: never }
  | { readonly everyMs: number; readonly ifAbsent?: never; readonly timeZone?: never }
  | { readonly cron: string; readonly timeZone?: string; readonly ifAbsent?: never };
