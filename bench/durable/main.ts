/**
 * Measures durable turns, and writes the sections into bench/RESULTS.md: `main.ts [--runs N] [--steady N] …`.
 */
import { parseArgs } from "node:util";
import { tableOf } from "../format.ts";
import { thisMachine } from "../machine.ts";
import { parseCount } from "../options.ts";
import type { Section } from "../section.ts";
import { type OwnSection, withSection } from "../splice.ts";
import { installPeers } from "./postgres/install.ts";
import { postgresSection } from "./postgres/section.ts";
import { postgresIsMissing } from "./postgres/server.ts";
import { durableSection } from "./section.ts";

const usage = `deno task bench:durable [options]

  --part stores|postgres  only the stores in this process, or only PostgreSQL and queues on it (both)
  --runs N              how many times each case is measured (3)
  --turns N             turns of one measurement (20,000)
  --steady N            turns of the measurement of memory (2,000,000)
  --backlog N           messages that wait in the longer backlog (1,000,000)
  --size full|smoke     smoke: so small that the figures say nothing
  --date YYYY-MM-DD     the date that the sections give (today)
  --print               prints the sections, and keeps nothing`;

const results = new URL("../RESULTS.md", import.meta.url);

function markdownOf(
  { title, markdown, goals }: Section,
  { command, date, machine }: Record<string, string>,
): string {
  const met = goals.filter((goal) => goal.met).length;
  const rows = goals.map((goal) => [goal.name, goal.met ? "met" : "**missed**", goal.figure]);
  return `## ${title}

Written by \`${command}\` on ${date}: change nothing here by hand. ${machine}

${met} of ${goals.length} goals met.

${tableOf(["goal", "", "measured"], rows, 3)}

${markdown}
`;
}

const { values } = parseArgs({
  options: {
    part: { type: "string" },
    runs: { type: "string", default: "3" },
    turns: { type: "string" },
    steady: { type: "string" },
    backlog: { type: "string" },
    size: { type: "string", default: "full" },
    date: { type: "string", default: new Date().toISOString().slice(0, 10) },
    print: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});
if (values.help) {
  console.log(usage);
  Deno.exit(0);
}
const { part, runs, turns, steady, backlog, size, date } = values;
if (part !== undefined && part !== "stores" && part !== "postgres") {
  throw new RangeError(`Cannot measure the part ${part}: there are stores and postgres`);
}
const count = (text: string) => Number(text.replaceAll(/[,_]/g, ""));
const options = {
  runs: parseCount("--runs", runs),
  size: size === "smoke" ? "smoke" : "full",
  progress: (line: string) => console.error(line.slice(0, 300)),
} as const;
const sections: Section[] = [];
if (part !== "postgres") {
  sections.push(
    await durableSection({
      ...options,
      sizes: {
        ...turns === undefined ? {} : { turns: count(turns) },
        ...steady === undefined ? {} : { steady: count(steady) },
        ...backlog === undefined ? {} : { longBacklog: count(backlog) },
      },
    }),
  );
}
if (part !== "stores") {
  const missing = postgresIsMissing();
  if (missing === undefined) {
    const sizes = turns === undefined ? {} : { turns: count(turns) };
    sections.push(await postgresSection({ ...options, sizes, folder: await installPeers() }));
  } else if (part === undefined) console.error(`PostgreSQL is left out: ${missing}`);
  else throw new Error(`Cannot measure PostgreSQL: ${missing}`);
}
const { processor, cores, deno } = await thisMachine();
const given = [["part", part], ["runs", runs], ["turns", turns], ["steady", steady], ["backlog", backlog]]
  .flatMap(([name, value]) =>
    value === undefined || (name === "runs" && value === "3") ? [] : [` --${name} ${value}`]
  );
const about = {
  command: `deno task bench:durable${given.join("")}`,
  date,
  machine:
    `${cores} cores of ${processor}, Deno ${deno}; ${runs} runs, each in a fresh process, every other round backwards.`,
};
for (const section of sections) {
  const markdown = markdownOf(section, about);
  if (values.print || size === "smoke") console.log(markdown);
  else {
    const report = await Deno.readTextFile(results);
    await Deno.writeTextFile(results, withSection(report, section.title as OwnSection, markdown));
  }
}
