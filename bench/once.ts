/**
 * Runs one measurement in its own process: `once.ts CONTENDER WORKLOAD SIZE [RUNS] [quiet]`. Warms up with a
 * fifth of the size, at least three times and for at least 0.7 s, so that the compiler has optimized the code
 * (start-up cost is measured separately); runs the workload several times; and prints the fastest outcome as
 * one line of JSON. With `quiet`, the time in which the process waited for a core that other processes used
 * is not counted, so the result is as on a quiet machine, except for the effects on its caches.
 */
import type { Contender, Outcome } from "./contender.ts";
import { leastOf } from "./least.ts";
import { waitedForCoreMs } from "./waited.ts";
import { runsInProcess } from "./workloads.ts";

const [id, workload, size, runs = String(runsInProcess), quiet] = Deno.args;
const { contender } = await import(`./contenders/${id}.ts`) as { contender: Contender };
const run = contender.workloads[workload];
if (run === undefined) throw new Error(`${contender.label} has no ${workload}`);
const { gc } = globalThis as { gc?: (options: { type: "minor" }) => void };
const untilMs = performance.now() + 700;
for (let times = 0; times < 3 || performance.now() < untilMs; times++) {
  await run(Math.max(Math.ceil(Number(size) / 5), 1));
}
const outcomes: Outcome[] = [];
for (let times = 0; times < Number(runs); times++) {
  gc?.({ type: "minor" }); // the garbage of the previous run must not count for this one
  const waitedMs = waitedForCoreMs();
  const outcome = await run(Number(size));
  const othersMs = quiet === undefined ? 0 : waitedForCoreMs() - waitedMs;
  outcomes.push({ ...outcome, elapsedMs: Math.max(outcome.elapsedMs - othersMs, 0) });
}
console.log(JSON.stringify(leastOf(outcomes)));
Deno.exit(0);
