/** The median and the 99th percentile. */
export function percentilesOf(figures: readonly number[]): { readonly p50: number; readonly p99: number } {
  const sorted = figures.toSorted((a, b) => a - b);
  const at = (part: number) => sorted[Math.min(Math.floor(sorted.length * part), sorted.length - 1)];
  return { p50: at(0.5), p99: at(0.99) };
}
