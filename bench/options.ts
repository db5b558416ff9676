import { parseArgs } from "node:util";

/** What a run of the benchmarks is asked to do. */
export interface Options {
  /** Runs what needs a toolchain of its own too. */
  readonly all: boolean;
  /** In how many processes each contender runs each workload. */
  readonly runs: number;
  /** The ids of the workloads and sections to run; undefined for all. */
  readonly only: readonly string[] | undefined;
  /** The ids of the contenders to run; undefined for all. */
  readonly contenders: readonly string[] | undefined;
  readonly size: "full" | "smoke";
  /** Where the report and the chart go; undefined where it was not said. */
  readonly out: string | undefined;
  readonly date: string;
  /** Where the figures go as JSON; undefined for nowhere. */
  readonly save: string | undefined;
  /** Such a file: its figures are shown again, and nothing is measured. */
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
  --date YYYY-MM-DD     the date that the report gives (today)
  --save FILE           keeps the figures as JSON
  --from FILE           shows kept figures again, and measures nothing
  --help                this`;

/** Reads the command line. Throws a `TypeError` that says what is wrong with it. */
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
    date,
    save: values.save,
    from: values.from,
    help: values.help,
  };
}

/** A whole number from 1, as an option gives it. */
export function parseCount(option: string, text: string): number {
  if (!/^[1-9]\d{0,5}$/.test(text)) throw new TypeError(`${option} is a whole number from 1, not ${text}`);
  return Number(text);
}

/** The parts of a list with commas, or undefined where there is no list. */
export function listOf(text: string | undefined): readonly string[] | undefined {
  return text?.split(",").map((part) => part.trim()).filter((part) => part !== "");
}

/** Those of the items that the list names, in their own order. Throws a `TypeError` that lists them all on another name. */
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

/** Whether the run measures all that there is to measure without a toolchain, at its size. */
export function isWhole({ only, contenders, size }: Options): boolean {
  return only === undefined && contenders === undefined && size === "full";
}

/** The command that measures the same again. Where the report goes is nobody else's matter. */
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
