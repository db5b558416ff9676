// Measures Posthorn, its peers and its lower bounds, and writes the report and the chart. See `--help` for
// the options.

import { fileURLToPath } from "node:url";
import { foreignCandidate, javaScriptCandidates } from "./catalog.ts";
import { chartOf } from "./chart.ts";
import { foreignContenders } from "./foreign.ts";
import { goalSections, sections } from "./goals.ts";
import { thisMachine } from "./machine.ts";
import { choose, commandOf, isWhole, type Options, parseOptions, usage } from "./options.ts";
import { partOf, reportOf } from "./report.ts";
import { type Entry, ours, type Results } from "./results.ts";
import { runRounds } from "./rounds.ts";
import { measure } from "./run.ts";
import { speedOf, withSpeed } from "./speed.ts";
import { withOwnSections, withPart } from "./splice.ts";
import { workloads } from "./workloads.ts";

async function runAll(options: Options): Promise<Results> {
  const { all, runs, size, date, only } = options;
  await using foreign = all ? await foreignContenders() : undefined; // its builds are deleted after the run
  const others = foreign?.map(foreignCandidate) ?? [];
  const candidates = choose([...await javaScriptCandidates(), ...others], options.contenders);
  const chosen = choose([...workloads, ...sections], only).map(({ id }) => id);
  const progress = (line: string) => console.error(line);
  // The sections come first, so that a failure in them shows before an hour of rounds. They have no
  // contenders.
  const wanted = only === undefined && options.contenders !== undefined ? [] : sections;
  const ids = wanted.map(({ id }) => id).filter((id) => chosen.includes(id));
  const measured = await goalSections({ only: ids, runs, size, progress });
  const rated = workloads.filter(({ id }) => chosen.includes(id));
  const timeoutMs = size === "full" ? 120_000 : 20_000;
  const byWorkload = await runRounds(candidates, rated, {
    runs,
    size,
    measure: (command, expected) => measure(command, expected, { timeoutMs }),
    progress,
  });
  return {
    command: commandOf(options),
    date,
    runs,
    size,
    machine: await thisMachine(),
    entries: candidates.map(({ id, label, form, kind, cores, version }): Entry => ({
      id,
      label,
      form,
      kind,
      cores,
      version,
    })),
    byWorkload,
    sections: measured,
  };
}

async function write(options: Options, results: Results): Promise<void> {
  if (options.save !== undefined) await Deno.writeTextFile(options.save, JSON.stringify(results));
  const folder = options.out ?? (isWhole(options) ? import.meta.dirname : undefined);
  if (folder === undefined) {
    console.log(reportOf(results));
    if (options.keep) await keepParts(results);
    return;
  }
  await Deno.mkdir(folder, { recursive: true });
  const path = `${folder}/RESULTS.md`;
  const before = await Deno.readTextFile(path).catch(() => "");
  // which are measured separately
  await Deno.writeTextFile(path, withOwnSections(reportOf(results), before));
  await Deno.writeTextFile(`${folder}/results.svg`, chartOf(results));
  console.error(`wrote ${folder}/RESULTS.md and ${folder}/results.svg`);
  if (options.out === undefined) await writeSpeed(results);
}

/** Puts the sections into the report of the last complete run. */
async function keepParts(results: Results): Promise<void> {
  const path = new URL("RESULTS.md", import.meta.url);
  const report = await Deno.readTextFile(path);
  const parts = results.sections.reduce(
    (text, section) => withPart(text, section.title, partOf(results, section)),
    report,
  );
  await Deno.writeTextFile(path, parts);
  console.error(`wrote ${results.sections.map(({ title }) => title).join(", ")} into ${fileURLToPath(path)}`);
}

/** A complete run also updates the README. */
async function writeSpeed(results: Results): Promise<void> {
  const readme = fileURLToPath(new URL("../README.md", import.meta.url));
  await Deno.writeTextFile(readme, withSpeed(await Deno.readTextFile(readme), speedOf(results)));
  await new Deno.Command(Deno.execPath(), { args: ["fmt", "--quiet", readme] }).output();
  console.error(`wrote what it shows into ${readme}`);
}

/** Whether Posthorn itself has a result in every workload. Missing results of peers are only shown. */
function oursAreComplete({ byWorkload }: Results): boolean {
  return Object.values(byWorkload).every(({ [ours]: mine }) =>
    mine === undefined || mine.failures.length === 0
  );
}

async function main(): Promise<number> {
  let options: Options;
  try {
    options = parseOptions(Deno.args, new Date().toISOString().slice(0, 10));
  } catch (error) {
    console.error(`${(error as Error).message}\n\n${usage}`);
    return 2;
  }
  if (options.help) {
    console.log(usage);
    return 0;
  }
  const results: Results = options.from === undefined
    ? await runAll(options)
    : JSON.parse(await Deno.readTextFile(options.from));
  await write(options, results);
  return oursAreComplete(results) ? 0 : 1;
}

Deno.exit(await main());
