import type { Outcome } from "./contender.ts";

/**
 * The fastest of several runs of one workload in one process: what slowed the others down (another program, a
 * compiler at work, a large collection) was not the workload. All of them must have come to the same, or its check is
 * `NaN`, which no runner takes.
 */
export function leastOf(outcomes: readonly Outcome[]): Outcome {
  const [fastest] = outcomes.toSorted((a, b) => a.elapsedMs - b.elapsedMs);
  if (fastest === undefined) throw new RangeError("There is no outcome to choose from");
  const same = outcomes.every(({ check }) => check === fastest.check);
  return same ? fastest : { ...fastest, check: NaN };
}
