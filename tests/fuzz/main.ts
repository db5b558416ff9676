// deno task fuzz [MINUTES] [--seed SEED]: sends requests over real sockets for this time (1), half of it to a
// system in memory, half to one on a file. Each must be answered correctly, and the memory must not grow.
// Prints the seed, which reproduces the run.

import { sqlite } from "@posthorn/posthorn/sqlite";
import { parseArgs } from "node:util";
import { fuzz } from "./fuzz.ts";

const { values, positionals } = parseArgs({ options: { seed: { type: "string" } }, allowPositionals: true });
const minutes = Number(positionals[0] ?? 1);
const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 31));
if (!(minutes > 0) || !Number.isSafeInteger(seed)) {
  throw new RangeError("Use deno task fuzz [MINUTES] [--seed SEED]");
}

/** How long each server is fuzzed. */
const roundMs = 15_000;
/** The maximum growth of memory from the first half of the run to the second. */
const growthMbMax = 150;

const folder = await Deno.makeTempDir({ prefix: "posthorn-fuzz-" });
const untilMs = performance.now() + minutes * 60_000;
const memory: number[] = [];
const statuses = new Map<number, number>();
let sent = 0;
let changes = 0;
console.log(`deno task fuzz ${minutes} --seed ${seed}`);
try {
  for (let round = 0; performance.now() < untilMs; round++) {
    const endMs = Math.min(performance.now() + roundMs, untilMs);
    const store = round % 2 === 0 ? undefined : sqlite(`${folder}/${round}.db`);
    const goesOn = () => performance.now() < endMs;
    const found = await fuzz({ seed: seed + round, goesOn, ...(store === undefined ? {} : { store }) });
    sent += found.sent;
    changes += found.changes;
    for (const [status, count] of found.statuses) statuses.set(status, (statuses.get(status) ?? 0) + count);
    memory.push(Math.round(Deno.memoryUsage().rss / 1e6));
    console.log(
      `${store === undefined ? "memory" : "sqlite"}, seed ${seed + round}: ${found.sent} requests, ${
        memory.at(-1)
      } MB`,
    );
  }
} finally {
  await Deno.remove(folder, { recursive: true });
}
const counts = [...statuses].sort(([one], [other]) => one - other).map(([status, count]) =>
  `${count} × ${status}`
);
console.log(`${sent} requests, ${changes} changes: ${counts.join(", ")}`);
const half = Math.floor(memory.length / 2);
const growthMb = Math.max(...memory.slice(half)) - Math.max(...memory.slice(0, Math.max(half, 1)));
if (memory.length >= 8 && growthMb > growthMbMax) {
  throw new Error(`The memory grew by ${growthMb} MB: ${memory.join(", ")}`);
}
