import { formatCount, formatFigure, formatRate, formatRatio, tableOf } from "./format.ts";
import { type Entry, leadOver, type Machine, ours, type Result, type Results } from "./results.ts";
import type { Goal, Section } from "./section.ts";
import { spreadOf } from "./statistics.ts";
import { bareTurnNs, judge, referenceTurnNs } from "./targets.ts";
import { runsInProcess, type WorkloadInfo, workloads } from "./workloads.ts";

/** The report of a run as Markdown: the measurements, the machine, and which goals are met. */
export function reportOf(results: Results): string {
  const measured = workloads.filter(({ id }) => id in results.byWorkload);
  const parts = [
    "# Results",
    "",
    `Written by \`${results.command}\` on ${results.date}: change nothing here by hand.`,
    "",
    ...machineLines(results.machine),
    "",
    ...goalLines(results),
    ...summaryLines(results, measured),
    ...measured.flatMap((workload) => workloadLines(results, workload)),
    ...results.sections.flatMap(({ title, markdown }) => [`## ${title}`, "", markdown.trim(), ""]),
    "## How it was measured",
    "",
    `Each contender ran each workload in ${times(results.runs)}, which warmed up with a fifth of the size, ` +
    `ran the workload ${runsInProcess} times, and told the fastest of these runs. One round runs everything once, and ` +
    "every other round goes through the contenders backwards. A result counts only where every run came to what must " +
    "come out. A rate is the median of the rounds, with the least and the greatest; a ratio is the median, least and " +
    "greatest of the ratios within each round.",
    "",
    "## Contenders",
    "",
    tableOf(
      ["contender", "version", "threads", "form"],
      results.entries.map(({ label, version, cores, form }) => [label, version, String(cores), form]),
      4,
    ),
  ];
  return `${parts.join("\n")}\n`;
}

/** A section that was measured by itself, with its goals. */
export function partOf({ command, date, runs }: Results, { title, markdown, goals }: Section): string {
  const met = goals.filter(({ met }) => met).length;
  const parts = [
    `## ${title}`,
    `Measured by itself with \`${command} --keep\` on ${date}, in ${
      times(runs)
    }. ${met} of ${goals.length} goals met.`,
    tableOf(["goal", "", "measured"], goals.map(goalRow), 3),
    markdown.trim(),
  ];
  return `${parts.join("\n\n")}\n`;
}

/**
 * The goals that the run can check, including those of its sections; none in a smoke run, whose figures are
 * meaningless.
 */
export function goalsOf(results: Results): readonly Goal[] {
  return results.size === "smoke"
    ? []
    : [...judge(results), ...results.sections.flatMap(({ goals }) => goals)];
}

function machineLines({ processor, cores, memoryBytes, system, deno, v8 }: Machine): string[] {
  return [
    `- ${processor}, ${cores} ${cores === 1 ? "core" : "cores"}, ${formatFigure(memoryBytes / 2 ** 30)} GiB`,
    `- ${system}`,
    `- Deno ${deno}, V8 ${v8}`,
  ];
}

function goalLines(results: Results): string[] {
  const goals = goalsOf(results);
  if (goals.length === 0) {
    return results.size === "smoke" ? ["Smoke sizes: none of these figures says anything.", ""] : [];
  }
  const met = goals.filter((goal) => goal.met).length;
  const rows = goals.map(goalRow);
  return [
    "## Goals",
    "",
    `${met} of ${goals.length} met.${referenceNote(results)}`,
    "",
    tableOf(["goal", "", "measured"], rows, 3),
    "",
    "Those of durable turns, which are measured by themselves, are in [their section](#durable-turns).",
    "",
  ];
}

function goalRow({ name, met, figure }: Goal): string[] {
  return [name, met ? "met" : "**missed**", figure];
}

/** A note on absolute times if the machine differs from the reference machine. */
function referenceNote(results: Results): string {
  const bareNs = bareTurnNs(results);
  if (bareNs === undefined) return "";
  return ` A turn of the bare core took ${
    formatFigure(bareNs)
  } ns here (8 types, in bursts). Goals in nanoseconds hold ` +
    `where it takes ${referenceTurnNs}, so what was measured is multiplied by ${
      formatFigure(referenceTurnNs / bareNs)
    }, and shown as it was beside that. Milliseconds and ratios are as they were measured.`;
}

function summaryLines(results: Results, measured: readonly WorkloadInfo[]): string[] {
  const others = results.entries.filter(({ id }) => id !== ours);
  if (measured.length === 0 || others.length === 0) return [];
  const rows = measured.map(({ id, title }) => [
    title,
    ...others.map((other) => {
      const lead = leadOver(results, id, other.id);
      if (lead !== undefined) return formatRatio(lead.median);
      return results.byWorkload[id][other.id] === undefined ? "–" : "no result";
    }),
  ]);
  return [
    "## How many times as fast Posthorn is",
    "",
    "The median of the ratios, round by round. Below 1× the other is faster; a dash: it does not do this.",
    "",
    tableOf(["", ...others.map(({ label }) => label)], rows),
    "",
  ];
}

function workloadLines(results: Results, workload: WorkloadInfo): string[] {
  const { id, title, definition, unit } = workload;
  const size = results.size === "full" ? workload.size : workload.smokeSize;
  const row = results.byWorkload[id];
  const present = results.entries.filter((entry) => entry.id in row);
  const also = [...new Set(present.flatMap((entry) => Object.keys(row[entry.id].also)))];
  const head = ["", unit, "least", "greatest", "ns each", "Posthorn to it", ...also.map(wordsOf), "note"];
  const rows = present.map((entry) => rowOf(results, { id, size }, entry, also));
  return [`### ${title}`, "", `${definition} Size: ${formatCount(size)}.`, "", tableOf(head, rows), ""];
}

function rowOf(
  results: Results,
  { id, size }: Pick<WorkloadInfo, "id" | "size">,
  entry: Entry,
  also: readonly string[],
): string[] {
  const result = results.byWorkload[id][entry.id];
  const rate = spreadOf(result.rates.filter((rate) => rate !== null));
  const lead = entry.id === ours ? undefined : leadOver(results, id, entry.id);
  return [
    entry.id === ours ? `**${entry.label}**` : entry.label,
    ...rate === undefined ? ["no result", "", "", ""] : [
      ...[rate.median, rate.min, rate.max].map((figure) => formatRate(figure)),
      formatFigure(1e9 / rate.median),
    ],
    lead === undefined
      ? ""
      : `${formatRatio(lead.median)} (${formatFigure(lead.min)} to ${formatFigure(lead.max)})`,
    ...also.map((name) => {
      const spread = spreadOf(result.also[name] ?? []);
      return spread === undefined ? "" : formatFigure(spread.median);
    }),
    noteOf(result, size),
  ];
}

function noteOf({ size, rates, failures }: Result, usual: number): string {
  const failed = failures.length === 0
    ? []
    : [`${failures.length} of ${rates.length} runs: ${[...new Set(failures)].join("; ")}`];
  const smaller = size === usual ? [] : [`size ${formatCount(size)}`];
  return [...failed, ...smaller].join("; ");
}

/** The heading of a column, from a name like `bytesPerActor`. */
function wordsOf(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}

function times(runs: number): string {
  return runs === 1 ? "a fresh process" : `${runs} fresh processes`;
}
