/**
 * One measurement, in a process of its own: `once.ts CONTENDER WORKLOAD SIZE`. Warms up with a fifth of the size, three
 * times, since a compiler that has seen one run takes what was constant in it for constant for ever; and
 * writes the outcome as one line of JSON.
 */
import type { Contender } from "./contender.ts";

const [id, workload, size] = Deno.args;
const { contender } = await import(`./contenders/${id}.ts`) as { contender: Contender };
const run = contender.workloads[workload];
if (run === undefined) throw new Error(`${contender.label} has no ${workload}`);
for (let times = 0; times < 3; times++) await run(Math.max(Math.ceil(Number(size) / 5), 1));
console.log(JSON.stringify(await run(Number(size))));
Deno.exit(0);
