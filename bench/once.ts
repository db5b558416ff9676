/**
 * One measurement, in a process of its own: `once.ts CONTENDER WORKLOAD SIZE`. Warms up with a fifth of the size, at least
 * three times and for at least 0.7 s, until a compiler that watches has seen enough (what a start costs is measured by
 * itself); and writes the outcome as one line of JSON.
 */
import type { Contender } from "./contender.ts";

const [id, workload, size] = Deno.args;
const { contender } = await import(`./contenders/${id}.ts`) as { contender: Contender };
const run = contender.workloads[workload];
if (run === undefined) throw new Error(`${contender.label} has no ${workload}`);
const untilMs = performance.now() + 700;
for (let times = 0; times < 3 || performance.now() < untilMs; times++) {
  await run(Math.max(Math.ceil(Number(size) / 5), 1));
}
console.log(JSON.stringify(await run(Number(size))));
Deno.exit(0);
