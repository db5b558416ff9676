import { parseArgs } from "node:util";

/** Options of a run of the benchmarks. */
export interface Options {
  /** Whether to run contenders that need another toolchain too. */
  readonly all: boolean;
  /** The number of processes in which each contender runs each workload. */
  readonly runs: number;
  /** The ids of the workloads and sections to run; undefined for all. */
  readonly only: readonly string[] | undefined;
  /** The ids of the contenders to run; undefined for all. */
  readonly contenders: readonly string[] | undefined;
  readonly size: "full" | "smoke";
  /** The path of the report and the chart; undefined for the default. */
  readonly out: string | undefined;
  /** Whether sections that are measured by themselves go into the report of the last complete run. */
  readonly keep: boolean;
  readonly date: string;
  /** The path for the figures as JSON; undefined for none. */
  readonly save: string | undefined;
  /** A file of figures to show again without measuring. */
  readonly from: string | undefined;
  readonly help: boolean;
}

export const usage = `deno task bench [options]

  --all                 also Erlang, Go and CAF, which need their toolchains
  --runs N              how many processes each contender runs each workload in (3)
  --only A,B            only these workloads and sections
  --contenders A,B      only these contenders
  --size full|smoke     smoke: so small that the figures say nothing
  --out DIR             where RESULTS.md and results.svg go (bench/, and nowhere for a part of the whole)
  --keep                puts the sections that --only names into RESULTS.md
  --date YYYY-MM-DD     the date that the report gives (today)
  --save FILE           keeps the figures as JSON
  --from FILE           shows kept figures again, and measures nothing
  --help                this`;

/** Parses the command line. Throws a `TypeError` that describes the mistake. */
export function parseOptions(args: readonly string[], today: string): Options {
  const { values } = parseArgs({
    args: [...args],
    strict: true,
    allowPositionals: false,
    options: {
      all: { type: "boolean", default: false },
      runs: { type: "string", default: "3" },
      only: { type: "string" },
      contenders: { type: "string" },
      size: { type: "string", default: "full" },
      out: { type: "string" },
      keep: { type: "boolean", default: false },
      date: { type: "string", default: today },
      save: { type: "string" },
      from: { type: "string" },
      help: { type: "boolean", default: false },
    },
  });
  const { size, date } = values;
  if (size !== "full" && size !== "smoke") throw new TypeError(`--size is full or smoke, not ${size}`);
  if (!/^\d{4}-\d{2}-\d{2}$/.test(date)) throw new TypeError(`--date is like 2026-01-31, not ${date}`);
  return {
    all: values.all,
    runs: parseCount("--runs", values.runs),
    only: listOf(values.only),
    contenders: listOf(values.contenders),
    size,
    out: values.out,
    keep: values.keep,
    date,
    save: values.save,
    from: values.from,
    help: values.help,
  };
}

/** Parses a whole number of at least 1. */
export function parseCount(option: string, text: string): number {
  if (!/^[1-9]\d{0,5}$/.test(text)) throw new TypeError(`${option} is a whole number from 1, not ${text}`);
  return Number(text);
}

/** The items of a comma-separated list; undefined if there is no list. */
export function listOf(text: string | undefined): readonly string[] | undefined {
  return text?.split(",").map((part) => part.trim()).filter((part) => part !== "");
}

/**
 * The items that the list names, in their own order. Throws a `TypeError` that lists all items if a name is
 * unknown.
 */
export function choose<Item extends { readonly id: string }>(
  items: readonly Item[],
  names: readonly string[] | undefined,
): readonly Item[] {
  if (names === undefined) return items;
  const known = new Set(items.map(({ id }) => id));
  const unknown = names.filter((name) => !known.has(name));
  if (unknown.length > 0) {
    throw new TypeError(`There is no ${unknown.join(", ")}: there are ${[...known].join(", ")}`);
  }
  return items.filter(({ id }) => names.includes(id));
}

/** Whether the run measures everything that needs no other toolchain, at full size. */
export function isWhole({ only, contenders, size }: Options): boolean {
  return only === undefined && contenders === undefined && size === "full";
}

/** The command that repeats the measurement, without the paths of its output. */
export function commandOf({ all, runs, only, contenders, size }: Options): string {
  const parts = [
    all ? " --all" : "",
    runs === 3 ? "" : ` --runs ${runs}`,
    only === undefined ? "" : ` --only ${only.join(",")}`,
    contenders === undefined ? "" : ` --contenders ${contenders.join(",")}`,
    size === "full" ? "" : ` --size ${size}`,
  ];
  return `deno task bench${parts.join("")}`;
}
