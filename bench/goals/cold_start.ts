import { fileURLToPath } from "node:url";
import { tableOf } from "../format.ts";
import type { Measurement } from "../run.ts";
import type { Section } from "../section.ts";
import type { Told } from "./cold_start/told.ts";
import {
  alternate,
  differences,
  failureLines,
  figuresOf,
  formatSpread,
  type GoalOptions,
  type Measured,
  spread,
} from "./process.ts";

/** The time limit of a program in milliseconds. */
const patienceMs = 30_000;
const titles: Readonly<Record<string, string>> = {
  empty: "an empty program",
  hono: "Hono, one route",
  posthorn: "Posthorn, its ingress and one actor",
};
const programs = Object.keys(titles);

/** Measures the time of a program from its start to its first response over HTTP, and to its end. */
export async function coldStartSection(options: GoalOptions): Promise<Section> {
  const full = options.size === "full";
  // The first start of each program fills the code caches and does not count.
  await alternate(programs.map((id) => ({ id, run: () => start(id) })), { ...options, runs: 1 });
  const measured = await alternate(
    programs.map((id) => ({ id, run: () => start(id) })),
    { ...options, runs: full ? Math.max(options.runs, 9) : 1 },
  );
  return { title: "Cold start", markdown: markdownOf(measured), goals: [] };
}

function markdownOf(measured: Measured): string {
  const rows = programs.map((id) => {
    const series = measured.series[id];
    return [
      titles[id],
      formatSpread(spread(series, ({ elapsedMs }) => elapsedMs)),
      id === "posthorn" ? formatSpread(addedTo(measured, id)) : "",
      formatSpread(spread(series, ({ also }) => also!.importedMs)),
      formatSpread(spread(series, ({ also }) => also!.repliedMs)),
    ];
  });
  return `\`deno run\` of a file that imports, sets up, answers one request in its own process and ends; everything is in the
cache. Milliseconds.

${
    tableOf(
      ["program", "from start to end", "over Hono", "until all is imported", "until the first reply"],
      rows,
    )
  }

The last two are told by the program itself, counted from the start of its runtime.${
    failureLines(measured.failures)
  }`;
}

function addedTo({ series }: Measured, id: string) {
  return differences(
    figuresOf(series[id], ({ elapsedMs }) => elapsedMs),
    figuresOf(series.hono, ({ elapsedMs }) => elapsedMs),
  );
}

async function start(program: string): Promise<Measurement> {
  const file = fileURLToPath(new URL(`cold_start/${program}.ts`, import.meta.url));
  const signal = AbortSignal.timeout(patienceMs);
  const command = new Deno.Command(Deno.execPath(), { args: ["run", "-A", file], stderr: "null", signal });
  const startMs = performance.now();
  const { success, stdout } = await command.output();
  const elapsedMs = performance.now() - startMs;
  if (!success) return { reason: "ended with an error" };
  const { importedMs, repliedMs, reply } = JSON.parse(new TextDecoder().decode(stdout)) as Told;
  if (reply !== "hello ada") return { reason: `wrong reply: ${reply}` };
  return { outcome: { elapsedMs, check: 1, also: { importedMs, repliedMs } } };
}
