/** The median and the range of several figures. */
export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/** The spread of the figures; undefined if there are none. */
export function spreadOf(figures: readonly number[]): Spread | undefined {
  if (figures.length === 0) return undefined;
  const sorted = figures.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const median = sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
  return { median, min: sorted[0], max: sorted[sorted.length - 1] };
}

/**
 * The spread of the quotient of two series by round. Whatever slowed a whole round down (another program, a
 * hot processor) affects both and cancels out. Rounds in which either has no figure are left out.
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

/** Whether every figure of one series is above every figure of the other. */
export function apart(one: Spread, other: Spread): boolean {
  return one.min > other.max || one.max < other.min;
}
