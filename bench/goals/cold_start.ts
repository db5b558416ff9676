import { fileURLToPath } from "node:url";
import { formatFigure, tableOf } from "../format.ts";
import type { Measurement } from "../run.ts";
import type { Goal, Section } from "../section.ts";
import type { Told } from "./cold_start/told.ts";
import {
  alternate,
  failureLines,
  figuresOf,
  formatSpread,
  type GoalOptions,
  type Measured,
  spread,
} from "./process.ts";

/** The time limit of a program in milliseconds. */
const patienceMs = 30_000;

interface Program {
  readonly title: string;
  /** The file in cold_start/. */
  readonly file: string;
  /** Whether it is bundled into one file first. */
  readonly bundled?: boolean;
  /** How much more processor time than Hono's program it may take. */
  readonly overHonoMsMax?: number;
}

const programs: Readonly<Record<string, Program>> = {
  empty: { title: "an empty program", file: "empty" },
  hono: { title: "Hono, one route", file: "hono" },
  honoFile: { title: "the same as one minified file", file: "hono", bundled: true },
  posthorn: { title: "Posthorn, its ingress and one actor", file: "posthorn", overHonoMsMax: 15 },
  posthornFile: { title: "the same as one minified file", file: "posthorn", bundled: true, overHonoMsMax: 8 },
};

/** Measures the time of a program from its start to its first response over HTTP, and to its end. */
export async function coldStartSection(options: GoalOptions): Promise<Section> {
  const full = options.size === "full";
  const bundles = await Deno.makeTempDir({ prefix: "posthorn-cold-start-" });
  try {
    const cases = Object.entries(programs).map(([id, program]) => ({
      id,
      run: () => start(program, bundles),
    }));
    // The first start of each program fills the code caches and does not count.
    await alternate(cases, { ...options, runs: 1 });
    const measured = await alternate(cases, { ...options, runs: full ? Math.max(options.runs, 15) : 1 });
    return { title: "Cold start", markdown: markdownOf(measured), goals: full ? goalsOf(measured) : [] };
  } finally {
    await Deno.remove(bundles, { recursive: true });
  }
}

function goalsOf(measured: Measured): Goal[] {
  return Object.entries(programs).flatMap(([id, { file, bundled, overHonoMsMax }]) => {
    const overMs = leastOverHono(measured, id);
    if (overHonoMsMax === undefined || overMs === undefined) return [];
    return [{
      name: `cold start over Hono, ${
        bundled ? `${file} as one file` : file
      }: at most ${overHonoMsMax} ms of processor time`,
      met: overMs <= overHonoMsMax,
      figure: `${formatFigure(overMs)} ms`,
    }];
  });
}

function leastCpuMs({ series }: Measured, id: string): number | undefined {
  return spread(series[id], ({ also }) => also!.cpuMs)?.min;
}

/** How much more processor time a program takes than Hono's: the least of each, which the rest of the machine disturbs least. */
function leastOverHono(measured: Measured, id: string): number | undefined {
  const [own, hono] = [leastCpuMs(measured, id), leastCpuMs(measured, "hono")];
  return own === undefined || hono === undefined ? undefined : own - hono;
}

function markdownOf(measured: Measured): string {
  const rows = Object.entries(programs).map(([id, { title, file }]) => {
    const series = measured.series[id];
    const cpuMs = figuresOf(series, ({ also }) => also!.cpuMs).filter((value) => value !== null);
    const overMs = file === "posthorn" ? leastOverHono(measured, id) : undefined;
    return [
      title,
      cpuMs.length === 0 ? "no result" : formatFigure(Math.min(...cpuMs)),
      overMs === undefined ? "" : formatFigure(overMs),
      formatSpread(spread(series, ({ elapsedMs }) => elapsedMs)),
      formatSpread(spread(series, ({ also }) => also!.importedMs)),
      formatSpread(spread(series, ({ also }) => also!.repliedMs)),
    ];
  });
  return `\`deno run\` of a file that imports, sets up, answers one request in its own process and ends; everything is in the
cache. Milliseconds. Processor time is the least of all rounds, and what it is over is Hono's program, not bundled.

${
    tableOf(
      [
        "program",
        "processor time",
        "over Hono",
        "from start to end",
        "until all is imported",
        "until the first reply",
      ],
      rows,
    )
  }

The last two are told by the program itself, counted from the start of its runtime.${
    failureLines(measured.failures)
  }`;
}

async function start({ file, bundled }: Program, bundles: string): Promise<Measurement> {
  const module = fileURLToPath(new URL(`cold_start/${file}.ts`, import.meta.url));
  const program = bundled ? await bundleOf(module, `${bundles}/${file}.js`) : module;
  const signal = AbortSignal.timeout(patienceMs);
  // The shell measures: for a program to measure itself would load more of Deno, in some programs more than in others.
  const measured = 'TIMEFORMAT="%3R %3U %3S"; time "$@"';
  const args = ["-c", measured, "time", Deno.execPath(), "run", "-A", program];
  const { success, stdout, stderr } = await new Deno.Command("bash", { args, signal }).output();
  if (!success) return { reason: "ended with an error" };
  const [elapsed, user, system] = new TextDecoder().decode(stderr).trim().split("\n").at(-1)!.split(" ");
  const [elapsedMs, cpuMs] = [Number(elapsed) * 1_000, (Number(user) + Number(system)) * 1_000];
  const { importedMs, repliedMs, reply } = JSON.parse(new TextDecoder().decode(stdout)) as Told;
  if (reply !== "hello ada") return { reason: `wrong reply: ${reply}` };
  return { outcome: { elapsedMs, check: 1, also: { importedMs, repliedMs, cpuMs } } };
}

/** The path of a module as one file, which is made unless it is there. */
async function bundleOf(module: string, file: string): Promise<string> {
  const made = await Deno.stat(file).then(() => true, () => false);
  if (made) return file;
  const { success } = await new Deno.Command(Deno.execPath(), {
    args: ["bundle", "--quiet", "--minify", "-o", file, module],
    cwd: new URL(".", import.meta.url),
    stderr: "null",
  }).output();
  if (!success) throw new Error(`deno bundle fails for ${module}`);
  return file;
}
