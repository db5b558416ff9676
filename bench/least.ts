import type { Outcome } from "./contender.ts";

/**
 * The fastest of several runs of one workload in one process: whatever slowed the others down (another
 * program, the compiler, a major garbage collection) is not part of the workload. All runs must have the same
 * check; otherwise the result's check is `NaN`, which every runner rejects.
 */
export function leastOf(outcomes: readonly Outcome[]): Outcome {
  const [fastest] = outcomes.toSorted((a, b) => a.elapsedMs - b.elapsedMs);
  if (fastest === undefined) throw new RangeError("There is no outcome to choose from");
  const same = outcomes.every(({ check }) => check === fastest.check);
  return same ? fastest : { ...fastest, check: NaN };
}
