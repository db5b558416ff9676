import { formatRate, formatRatio, tableOf } from "./format.ts";
import { apart, ratiosOf, type Spread, spreadOf } from "./statistics.ts";

/** What one of two runtimes came to in one workload. */
export interface Series {
  /** Units a second by round, null where a round gave none. */
  readonly rates: readonly (number | null)[];
  /** Why rounds gave none. */
  readonly reasons: readonly string[];
}

/** One workload, measured with both. */
export interface Pair {
  readonly title: string;
  readonly old: Series;
  readonly now: Series;
}

/** With fewer, chance alone would often tell two equals apart. */
const runsMin = 4;

/** What changed, as a table, and in words where the old runtime cannot be measured. */
export function comparisonOf(ref: string, pairs: readonly Pair[]): string {
  const rows = pairs.map(({ title, old, now }) => {
    const [before, after] = [spreadOfSeries(old), spreadOfSeries(now)];
    const ratio = ratiosOf(now.rates, old.rates);
    const range = (spread: Spread) => `(${formatRatio(spread.min)} to ${formatRatio(spread.max)})`;
    return [
      title,
      before === undefined ? "no result" : formatRate(before.median),
      after === undefined ? "no result" : formatRate(after.median),
      ratio === undefined ? "" : `${formatRatio(ratio.median)} ${range(ratio)}`,
      verdictOf(before, after, now.rates.length),
      [...new Set([...old.reasons, ...now.reasons])].join("; "),
    ];
  });
  const table = tableOf(["", ref, "working tree", "new / old", "", "failures"], rows);
  const unfit = pairs.filter(({ old, now }) =>
    spreadOfSeries(old) === undefined && spreadOfSeries(now) !== undefined
  );
  if (unfit.length === 0) return table;
  return `${table}\n\n${ref} has no result in ${
    unfit.map(({ title }) => title).join(", ")
  }: most likely its API is not ` +
    "the one that bench/contenders/posthorn.ts of the working tree is written for.";
}

/**
 * Faster or slower only where the slowest of one is faster than the fastest of the other. Of three runs each, equals
 * would come to that one time in ten; of four, one in 35; of five, one in 126.
 */
function verdictOf(before: Spread | undefined, after: Spread | undefined, runs: number): string {
  if (before === undefined || after === undefined) return "";
  if (runs < runsMin) return "too few runs to say";
  if (!apart(before, after)) return "within the noise";
  return after.median > before.median ? "FASTER" : "SLOWER";
}

function spreadOfSeries({ rates }: Series): Spread | undefined {
  return spreadOf(rates.filter((rate) => rate !== null));
}
