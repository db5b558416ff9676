/** The middle of several figures, and how far they lie apart. */
export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/** The spread of the figures, or undefined where there are none. */
export function spreadOf(figures: readonly number[]): Spread | undefined {
  if (figures.length === 0) return undefined;
  const sorted = figures.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const median = sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
  return { median, min: sorted[0], max: sorted[sorted.length - 1] };
}

/**
 * The spread of one series divided by another, round by round. What a whole round was slowed down by (another program,
 * a hot processor) slowed both down, so it falls out. A round in which either has no figure is left out.
 */
export function ratiosOf(
  these: readonly (number | null)[],
  those: readonly (number | null)[],
): Spread | undefined {
  const ratios = these.flatMap((figure, round) => {
    const other = those[round] ?? null;
    return figure === null || other === null ? [] : [figure / other];
  });
  return spreadOf(ratios);
}

/** Whether two series have nothing in common: every figure of one is above every figure of the other. */
export function apart(one: Spread, other: Spread): boolean {
  return one.min > other.max || one.max < other.min;
}
