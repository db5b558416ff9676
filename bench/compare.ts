// Both run the benchmarks of the working tree with their own runtime, alternately: several runs in each
// process, of which the fastest counts, without the time in which other processes used the core. Use it after
// a change of the hot path.

import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { onceCommand } from "./catalog.ts";
import { comparisonOf } from "./comparison.ts";
import { choose, listOf, parseCount } from "./options.ts";
import { ours } from "./results.ts";
import { measure } from "./run.ts";
import { type WorkloadInfo, workloads } from "./workloads.ts";
import { withWorktree } from "./worktree.ts";

const usage = "deno task bench:compare REF [--runs N] [--only A,B] [--size full|smoke]";

interface Task {
  readonly ref: string;
  readonly runs: number;
  readonly chosen: readonly WorkloadInfo[];
  readonly size: "full" | "smoke";
}

function parseTask(args: readonly string[]): Task {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      runs: { type: "string", default: "5" },
      only: { type: "string" },
      size: { type: "string", default: "full" },
    },
  });
  const [ref, ...rest] = positionals;
  if (ref === undefined || rest.length > 0) throw new TypeError("Name one commit, branch or tag");
  const { size } = values;
  if (size !== "full" && size !== "smoke") throw new TypeError(`--size is full or smoke, not ${size}`);
  const chosen = choose(workloads, listOf(values.only));
  return { ref, runs: parseCount("--runs", values.runs), chosen, size };
}

/** Measures both alternately, in reverse order every other round. */
async function compare(
  { ref, runs, chosen, size }: Task,
  folder: string,
  signal: AbortSignal,
): Promise<string> {
  const empty = (): { rates: (number | null)[]; reasons: string[] } => ({ rates: [], reasons: [] });
  const rows = chosen.map((workload) => ({ workload, title: workload.title, old: empty(), now: empty() }));
  const before = pathToFileURL(`${folder}/bench/`);
  const after = new URL(import.meta.url);
  for (let round = 0; round < runs; round++) {
    for (const { workload, old, now } of rows) {
      console.error(`round ${round + 1}/${runs}  ${workload.id}`);
      const turns = [[old, before], [now, after]] as const;
      for (const [series, base] of round % 2 === 0 ? turns : turns.toReversed()) {
        const many = size === "full" ? workload.size : workload.smokeSize;
        const command = onceCommand(base, ours, workload.id, many, { quiet: true });
        const measurement = await measure(command, workload.expected(many), { signal });
        const failed = "reason" in measurement;
        if (failed) series.reasons.push(measurement.reason);
        series.rates.push(failed ? null : workload.units(many) * 1_000 / measurement.outcome.elapsedMs);
      }
    }
  }
  return comparisonOf(ref, rows);
}

async function main(): Promise<number> {
  let task: Task;
  try {
    task = parseTask(Deno.args);
  } catch (error) {
    console.error(`${(error as Error).message}\n\n${usage}`);
    return 2;
  }
  // The other worktree must always be removed, so Ctrl-C ends the measurements instead of the process.
  const controller = new AbortController();
  const interrupt = () => controller.abort(new Error("interrupted"));
  Deno.addSignalListener("SIGINT", interrupt);
  Deno.addSignalListener("SIGTERM", interrupt);
  try {
    console.log(await withWorktree(task.ref, (folder) => compare(task, folder, controller.signal)));
    return 0;
  } catch (error) {
    console.error((error as Error).message);
    return controller.signal.aborted ? 130 : 1;
  }
}

Deno.exit(await main());
