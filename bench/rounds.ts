import { type Candidate, sizeFor } from "./catalog.ts";
import { formatRate } from "./format.ts";
import type { Result } from "./results.ts";
import { type Command, type Measurement, timedOut } from "./run.ts";
import type { WorkloadInfo } from "./workloads.ts";

export interface RoundsOptions {
  readonly runs: number;
  readonly size: "full" | "smoke";
  /** Runs one command and returns its result. */
  readonly measure: (command: Command, expected: number) => Promise<Measurement>;
  /** Called for each measurement. */
  readonly progress: (line: string) => void;
}

/**
 * Measures each candidate in each of its workloads, once per round. Every other round runs the candidates in
 * reverse order, so that no candidate always follows the same one. A measurement that timed out is not
 * repeated.
 */
export async function runRounds(
  candidates: readonly Candidate[],
  workloads: readonly WorkloadInfo[],
  { runs, size, measure, progress }: RoundsOptions,
): Promise<Record<string, Record<string, Result>>> {
  const byWorkload: Record<string, Record<string, Result>> = {};
  for (const { id } of workloads) byWorkload[id] = {};
  for (let round = 0; round < runs; round++) {
    const inOrder = round % 2 === 0 ? candidates : candidates.toReversed();
    for (const workload of workloads) {
      for (const candidate of inOrder.filter((candidate) => candidate.workloads.includes(workload.id))) {
        const results = byWorkload[workload.id];
        const so: Result = results[candidate.id] ??
          { size: sizeFor(candidate, workload, size), rates: [], also: {}, failures: [] };
        const measurement = so.failures.includes(timedOut)
          ? { reason: timedOut }
          : await measure(candidate.command(workload.id, so.size), workload.expected(so.size));
        const result = results[candidate.id] = added(so, measurement, workload);
        const shown = "reason" in measurement ? measurement.reason : formatRate(result.rates[round] ?? 0);
        progress(`round ${round + 1}/${runs}  ${workload.id}  ${candidate.id}  ${shown}`);
      }
    }
  }
  return byWorkload;
}

function added(result: Result, measurement: Measurement, workload: WorkloadInfo): Result {
  const { size, rates, also, failures } = result;
  if ("reason" in measurement) {
    return { size, rates: [...rates, null], also, failures: [...failures, measurement.reason] };
  }
  const { elapsedMs, also: more = {} } = measurement.outcome;
  const together = Object.fromEntries(
    Object.entries(more).map(([name, figure]) => [name, [...also[name] ?? [], figure]]),
  );
  return {
    size,
    rates: [...rates, workload.units(size) * 1_000 / elapsedMs],
    also: { ...also, ...together },
    failures,
  };
}
