import { formatRate, formatRatio, tableOf } from "./format.ts";
import { apart, ratiosOf, type Spread, spreadOf } from "./statistics.ts";

/** The results of one of two runtimes in one workload. */
export interface Series {
  /** Units per second by round; null if a round gave no result. */
  readonly rates: readonly (number | null)[];
  /** The reasons for missing results. */
  readonly reasons: readonly string[];
}

/** One workload, measured with both runtimes. */
export interface Pair {
  readonly title: string;
  readonly old: Series;
  readonly now: Series;
}

/** With fewer rounds, two equal runtimes would often differ by chance. */
const runsMin = 4;

/** The comparison as a table, or as a sentence if the old runtime cannot be measured. */
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
 * Faster or slower only if the slowest run of one is faster than the fastest run of the other. With three
 * runs each, equal runtimes give that result in one of ten cases; with four, in one of 35; with five, in one
 * of 126.
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
