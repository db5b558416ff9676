import type { Outcome } from "../contender.ts";
import { contender } from "../contenders/posthorn.ts";
import { formatFigure, tableOf } from "../format.ts";
import { bytesOfHeap } from "../heap.ts";
import type { Section } from "../section.ts";
import { type WorkloadInfo, workloads } from "../workloads.ts";
import {
  alternate,
  failureLines,
  finish,
  formatMedian,
  type GoalOptions,
  ownProcess,
  type Series,
  spread,
} from "./process.ts";

const rounds = 5;
/** The first round compiles the code and fills caches; the last round is compared with the second. */
const reference = 2;
/**
 * Fixes the size of the young generation. Otherwise the engine doubles it if many objects survive a
 * collection, in the second round or in the eighth, and keeps it, which would be the only growth of the
 * process.
 */
const nurseryMebibytes = 16;
const engineFlags = ["min", "max"].map((which) => `--${which}-semi-space-size=${nurseryMebibytes}`);
/** The compiler runs concurrently, and holds the memory of its jobs until they are done. */
const settleMs = 20;
/** The workloads of a smoke run: one for each way of sending. */
const smoked = ["pingPong", "askOne", "submit"];
const mebibyte = 1_024 * 1_024;

/** Checks whether memory returns to its level after each workload. */
export async function memorySection(options: GoalOptions): Promise<Section> {
  const ours = workloads.filter(({ id }) =>
    options.size === "full" ? contender.workloads[id] !== undefined : smoked.includes(id)
  );
  const { series, failures } = await alternate(
    ours.map((workload) => {
      const size = sizeOf(workload, options.size);
      const expected = rounds * workload.expected(size);
      const run = ownProcess(import.meta.url, [workload.id, size], expected, engineFlags);
      return { id: workload.id, run };
    }),
    options,
  );
  return {
    title: "Memory: back to its level after each workload",
    markdown:
      `Each workload ${rounds} times in one process, at its size. After each time everything that nobody holds is
collected; what then lives on the heap, and what the process holds of the machine's memory, in MiB. A system that has
stopped must leave nothing behind: the last time is compared with the ${reference}nd. The engine's room for what is new has ${nurseryMebibytes} MiB from the start: left alone it doubles in steps, in whichever round,
and is kept.

${tableOf(head(), ours.map((workload) => row(workload, series[workload.id])))}${failureLines(failures)}`,
    goals: [],
  };
}

function sizeOf({ size, smokeSize }: WorkloadInfo, wanted: GoalOptions["size"]): number {
  return wanted === "smoke" ? smokeSize : size;
}

function head(): string[] {
  const of = (what: string) =>
    ["before", `after ${reference}`, `after ${rounds}`].map((when) => `${what} ${when}`);
  return ["workload", ...of("heap"), "grown", ...of("process"), "grown"];
}

function row({ title }: WorkloadInfo, series: Series): string[] {
  const of = (what: string) =>
    [0, reference, rounds].map((round) =>
      formatMedian(spread(series, ({ also }) => also![`${what}${round}`] / mebibyte))
    );
  const heap = grown(series, "heap");
  const resident = grownPart(series);
  return [
    title,
    ...of("heap"),
    heap === undefined ? "no result" : formatFigure(heap.median / mebibyte),
    ...of("resident"),
    resident === undefined ? "no result" : `${formatFigure(resident.median * 100)} %`,
  ];
}

function grown(series: Series, what: string) {
  return spread(series, ({ also }) => also![`${what}${rounds}`] - also![`${what}${reference}`]);
}

function grownPart(series: Series) {
  return spread(series, ({ also }) => also![`resident${rounds}`] / also![`resident${reference}`] - 1);
}

/** The check is the sum of the checks of all rounds. */
async function repeat(workload: string, size: number): Promise<Outcome> {
  const also: Record<string, number> = {};
  const look = async (round: number) => {
    await new Promise((resolve) => setTimeout(resolve, settleMs));
    also[`heap${round}`] = bytesOfHeap();
    also[`resident${round}`] = Deno.memoryUsage().rss;
  };
  let check = 0;
  const startMs = performance.now();
  await look(0);
  for (let round = 1; round <= rounds; round++) {
    check += (await contender.workloads[workload](size)).check;
    await look(round);
  }
  return { elapsedMs: performance.now() - startMs, check, also };
}

if (import.meta.main) finish(await repeat(Deno.args[0], Number(Deno.args[1])));
