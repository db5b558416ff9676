import { fileURLToPath } from "node:url";
import { install, pack } from "../../.ci/pack.ts";
import { rootConfig } from "../../.ci/package.ts";
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
  /**
   * Whether it imports modules as they are; is bundled into one file first; or stands in a project that has installed
   * what it imports from npm, Posthorn as it is packed.
   */
  readonly as: "modules" | "one file" | "installed";
  /** The program of Hono to which it is compared. */
  readonly over?: string;
  /** How much more processor time than that it may take. */
  readonly overMsMax?: number;
}

const programs: Readonly<Record<string, Program>> = {
  empty: { title: "an empty program", file: "empty", as: "modules" },
  hono: { title: "Hono, one route", file: "hono", as: "modules" },
  honoFile: { title: "the same as one minified file", file: "hono", as: "one file" },
  honoInstalled: { title: "the same in a project with `node_modules`", file: "hono", as: "installed" },
  posthorn: {
    title: "Posthorn, its ingress and one actor: its TypeScript sources, a module each, as from JSR",
    file: "posthorn",
    as: "modules",
    over: "hono",
  },
  posthornFile: {
    title: "the same as one minified file",
    file: "posthorn",
    as: "one file",
    over: "hono",
    overMsMax: 8,
  },
  posthornInstalled: {
    title: "the same in a project with `node_modules`: the package as it is packed for npm",
    file: "posthorn",
    as: "installed",
    over: "honoInstalled",
    overMsMax: 15,
  },
};

/** The folders for programs that are made to be measured. */
interface Folders {
  readonly bundles: string;
  readonly project: string;
}

/** Measures the time of a program from its start to its first response over HTTP, and to its end. */
export async function coldStartSection(options: GoalOptions): Promise<Section> {
  const full = options.size === "full";
  const folder = await Deno.makeTempDir({ prefix: "posthorn-cold-start-" });
  try {
    const folders = { bundles: folder, project: `${folder}/project` };
    if (full) await makeProject(folders.project);
    const cases = Object.entries(programs)
      .filter(([, { as }]) => full || as !== "installed") // packing takes too long for a test
      .map(([id, program]) => ({ id, run: () => start(program, folders) }));
    // The first start of each program fills the code caches and does not count.
    await alternate(cases, { ...options, runs: 1 });
    const measured = await alternate(cases, { ...options, runs: full ? Math.max(options.runs, 15) : 1 });
    return { title: "Cold start", markdown: markdownOf(measured), goals: full ? goalsOf(measured) : [] };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** A project that has installed the package and Hono, with the programs. */
async function makeProject(folder: string): Promise<void> {
  await Deno.mkdir(folder);
  const { hono } = (await rootConfig()).imports;
  await install(folder, await pack(folder), hono.replace("npm:", ""));
  for (const name of ["told", ...new Set(Object.values(programs).map(({ file }) => file))]) {
    await Deno.copyFile(new URL(`cold_start/${name}.ts`, import.meta.url), `${folder}/${name}.ts`);
  }
}

function goalsOf(measured: Measured): Goal[] {
  return Object.entries(programs).flatMap(([id, { file, as, overMsMax }]) => {
    const overMs = leastOverHono(measured, id);
    if (overMsMax === undefined || overMs === undefined) return [];
    const how = as === "installed" ? "as it is packed for npm, not bundled by its user" : `as ${as}`;
    return [{
      name: `cold start over Hono, ${file} ${how}: at most ${overMsMax} ms of processor time`,
      met: overMs <= overMsMax,
      figure: `${formatFigure(overMs)} ms`,
    }];
  });
}

function leastCpuMs({ series }: Measured, id: string): number | undefined {
  return spread(series[id], ({ also }) => also!.cpuMs)?.min;
}

/** How much more processor time a program takes than Hono's: the least of each, which the rest of the machine disturbs least. */
function leastOverHono(measured: Measured, id: string): number | undefined {
  const { over } = programs[id];
  if (over === undefined) return undefined;
  const [own, hono] = [leastCpuMs(measured, id), leastCpuMs(measured, over)];
  return own === undefined || hono === undefined ? undefined : own - hono;
}

function markdownOf(measured: Measured): string {
  const rows = Object.entries(programs).filter(([id]) => id in measured.series).map(([id, { title }]) => {
    const series = measured.series[id];
    const cpuMs = figuresOf(series, ({ also }) => also!.cpuMs).filter((value) => value !== null);
    const overMs = leastOverHono(measured, id);
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
cache. Milliseconds. Processor time is the least of all rounds. It is compared to Hono's program in a project with
\`node_modules\` for what stands there, and else to Hono's program that is not bundled.

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

async function start({ file, as }: Program, { bundles, project }: Folders): Promise<Measurement> {
  const module = fileURLToPath(new URL(`cold_start/${file}.ts`, import.meta.url));
  const program = as === "modules"
    ? module
    : as === "installed"
    ? `${project}/${file}.ts`
    : await bundleOf(module, `${bundles}/${file}.js`);
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
