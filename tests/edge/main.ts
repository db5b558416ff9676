// deno task bench:edge: turns a second of one Durable Object in workerd, and what they cost: processor time of workerd, and
// rows. Not part of CI: a busy machine measures itself.

import { start } from "./workerd.ts";
import type { Turns } from "./turns_worker.ts";

const folder = await Deno.makeTempDir({ prefix: "posthorn-edge-" });
const worker = await start("tests/edge/turns_worker.ts", { folder });
try {
  const load = (query: string): Promise<Turns> =>
    fetch(new URL(`bench/?${query}`, worker.url)).then((response) => response.json());
  await load("turns=2000&actors=100&waiting=1000");
  console.log(
    "what                                        turns/s   processor/wall   µs a turn   rows a turn",
  );
  for (
    const [what, query] of [
      ["100 actors, 1,000 tells at once", "turns=20000&actors=100&waiting=1000"],
      ["100 actors, 1,000 tells at once, with ids", "turns=20000&actors=100&waiting=1000&ids"],
      ["100 actors, 100 tells at once", "turns=10000&actors=100&waiting=100"],
      ["1 actor, 64 tells at once", "turns=10000&actors=1&waiting=64"],
      ["1 actor, one tell after the other", "turns=2000&actors=1&waiting=1"],
    ]
  ) {
    const before = processorMs(worker.pid);
    const { turns, rows, ms } = await load(query);
    const usedMs = processorMs(worker.pid) - before;
    const columns = [
      Math.round(turns / ms * 1_000).toLocaleString("en").padStart(9),
      (usedMs / ms).toFixed(2).padStart(17),
      (usedMs / turns * 1_000).toFixed(0).padStart(11),
      (rows / turns).toFixed(2).padStart(13),
    ];
    console.log(what.padEnd(42) + columns.join(""));
  }
} finally {
  await worker[Symbol.asyncDispose]();
  await Deno.remove(folder, { recursive: true });
}
Deno.exit(); // miniflare leaves a timer behind

/** The processor time of a process so far: /proc counts it in ticks of 10 ms. */
function processorMs(pid: number | undefined): number {
  if (pid === undefined) return NaN;
  const stat = Deno.readTextFileSync(`/proc/${pid}/stat`);
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) * 10;
}
