const units = [["d", 86_400_000], ["h", 3_600_000], ["min", 60_000], ["s", 1_000]] as const;

/** How long ago a time was: `12 s`; nothing if there is none. */
export function ago(atMs: number | undefined, nowMs: number): string | undefined {
  if (atMs === undefined) return undefined;
  const forMs = Math.max(nowMs - atMs, 0);
  const [name, ms] = units.find(([, ms]) => forMs >= ms) ?? units[units.length - 1];
  return `${Math.floor(forMs / ms)} ${name}`;
}

/** A time: `2030-01-31T12:00:00Z`; the number if it is none that a clock shows. */
export function at(atMs: number | undefined): string | undefined {
  if (atMs === undefined) return undefined;
  const date = new Date(atMs);
  return Number.isNaN(date.getTime()) ? String(atMs) : date.toISOString().replace(/\.\d+Z$/, "Z");
}
