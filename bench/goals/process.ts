import { fileURLToPath } from "node:url";
import type { Outcome } from "../contender.ts";
import { formatFigure } from "../format.ts";
import { measure, type Measurement } from "../run.ts";
import { type Spread, spreadOf } from "../statistics.ts";

/** How a section is measured. */
export interface GoalOptions {
  /** How many times each case is measured. */
  readonly runs: number;
  /** `smoke` is so small that the figures say nothing. */
  readonly size: "full" | "smoke";
  /** Is told of each measurement. */
  readonly progress?: (line: string) => void;
}

/** One of the things that are measured side by side. */
export interface Case {
  readonly id: string;
  /** Measures it once, in a process of its own. */
  readonly run: () => Promise<Measurement>;
}

/** What a case came to, by round; null where a round gave no result. */
export type Series = readonly (Outcome | null)[];

/** The measurements of all cases, and why some gave no result. */
export interface Measured {
  readonly series: Readonly<Record<string, Series>>;
  readonly failures: readonly string[];
}

/** Measures each case once a round; every other round goes backwards, so that none always runs after the same one. */
export async function alternate(cases: readonly Case[], { runs, progress }: GoalOptions): Promise<Measured> {
  const series: Record<string, (Outcome | null)[]> = {};
  const failures: string[] = [];
  for (const { id } of cases) series[id] = [];
  for (let round = 0; round < runs; round++) {
    for (const { id, run } of round % 2 === 0 ? cases : cases.toReversed()) {
      const measurement = await run().catch((error: unknown) => ({ reason: String(error) }));
      const failed = "reason" in measurement;
      series[id].push(failed ? null : measurement.outcome);
      if (failed) failures.push(`${id}: ${measurement.reason}`);
      progress?.(`round ${round + 1}/${runs}  ${id}  ${JSON.stringify(measurement)}`);
    }
  }
  return { series, failures };
}

/** Runs a module as a program of its own, which prints its outcome. `gc()` is there, and what else the engine is told. */
export function ownProcess(
  module: string,
  args: readonly (string | number)[],
  expected: number,
  engineFlags: readonly string[] = [],
): Case["run"] {
  const command = Deno.execPath();
  const engine = `--v8-flags=${["--expose-gc", ...engineFlags].join(",")}`;
  const flags = ["run", "-A", engine, fileURLToPath(module)];
  return () => measure({ command, args: [...flags, ...args.map(String)] }, expected);
}

/** Says what came of it, and ends the program. */
export function finish(outcome: Outcome): never {
  console.log(JSON.stringify(outcome));
  Deno.exit(0);
}

/** One figure of each round. */
export function figuresOf(series: Series, figure: (outcome: Outcome) => number): (number | null)[] {
  return series.map((outcome) => outcome === null ? null : figure(outcome));
}

/** The spread of one figure over the rounds that gave a result. */
export function spread(series: Series, figure: (outcome: Outcome) => number): Spread | undefined {
  return spreadOf(figuresOf(series, figure).filter((value) => value !== null));
}

/** One series less another, round by round: what slowed a whole round down falls out. */
export function differences(
  these: readonly (number | null)[],
  those: readonly (number | null)[],
): Spread | undefined {
  return spreadOf(these.flatMap((figure, round) => {
    const other = those[round] ?? null;
    return figure === null || other === null ? [] : [figure - other];
  }));
}

/** The middle, and in brackets how far the figures lie apart. */
export function formatSpread(spread: Spread | undefined, unit = ""): string {
  if (spread === undefined) return "no result";
  const { median, min, max } = spread;
  return `${formatFigure(median)}${unit} [${formatFigure(min)} … ${formatFigure(max)}]`;
}

/** The middle alone. */
export function formatMedian(spread: Spread | undefined, unit = ""): string {
  return spread === undefined ? "no result" : formatFigure(spread.median) + unit;
}

/** The lines that say which measurements gave no result. */
export function failureLines(failures: readonly string[]): string {
  if (failures.length === 0) return "";
  return `\n\nWithout a result:\n\n${[...new Set(failures)].map((failure) => `- ${failure}`).join("\n")}`;
}
