/** A number with separators. */
export function number(value: number): string {
  return value.toLocaleString("en", { maximumFractionDigits: value < 10 ? 1 : 0 });
}

/** A number of rows that was counted up to a bound: `10,000+`. */
export function count({ count, more }: { readonly count: number; readonly more: boolean }): string {
  return `${count.toLocaleString("en")}${more ? "+" : ""}`;
}

/** A number with its noun: `1 message`, `2 messages`. */
export function counted(value: number, noun: string): string {
  return `${value.toLocaleString("en")} ${noun}${value === 1 ? "" : "s"}`;
}

/** A duration in the unit that fits it: `0.42 ms`, `12 ms`, `3.1 s`, `4 min`, `2 h`, `5 days`. */
export function duration(ms: number): string {
  if (ms < 10) return `${trim(ms, 2)} ms`;
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 10_000) return `${trim(ms / 1_000, 1)} s`;
  if (ms < 120_000) return `${Math.round(ms / 1_000)} s`;
  if (ms < 7_200_000) return `${Math.round(ms / 60_000)} min`;
  if (ms < 172_800_000) return `${Math.round(ms / 3_600_000)} h`;
  return `${Math.round(ms / 86_400_000).toLocaleString("en")} days`;
}

/** A time from the point of view of another: `3 s ago`, `in 2 min`. */
export function relative(atMs: number, nowMs: number): string {
  const ms = atMs - nowMs;
  if (Math.abs(ms) < 1_000) return "now";
  return ms < 0 ? `${duration(-ms)} ago` : `in ${duration(ms)}`;
}

/** A time as ISO 8601; what no date can hold is told as its number. */
export function isoTime(atMs: number): string {
  return Math.abs(atMs) <= 8.64e15 ? new Date(atMs).toISOString() : String(atMs);
}

/** A text, cut to a length. */
export function cut(text: string, max: number): string {
  return text.length <= max ? text : `${text.slice(0, max)}…`;
}

function trim(value: number, digits: number): string {
  return String(Number(value.toFixed(digits)));
}
