import { fileURLToPath } from "node:url";
import type { Outcome } from "../contender.ts";
import { formatFigure } from "../format.ts";
import { measure, type Measurement } from "../run.ts";
import { type Spread, spreadOf } from "../statistics.ts";

/** Options of the measurement of a section. */
export interface GoalOptions {
  /** The number of rounds, in each of which every case is measured once. */
  readonly runs: number;
  /** `smoke` is so small that its figures are meaningless. */
  readonly size: "full" | "smoke";
  /** Called for each measurement. */
  readonly progress?: (line: string) => void;
}

/** One of several cases to compare. */
export interface Case {
  readonly id: string;
  /** Measures it once, in its own process. */
  readonly run: () => Promise<Measurement>;
}

/** The results of a case by round; null if a round gave no result. */
export type Series = readonly (Outcome | null)[];

/** The measurements of all cases, and the reasons for missing results. */
export interface Measured {
  readonly series: Readonly<Record<string, Series>>;
  readonly failures: readonly string[];
}

/**
 * Measures each case once per round. Every other round runs in reverse order, so that no case always follows
 * the same one.
 */
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

/** Runs a module in its own process, which prints its outcome, with `gc()` and other flags of the engine. */
export function ownProcess(
  module: string,
  args: readonly (string | number)[],
  expected: number,
  engineFlags: readonly string[] = [],
  env: Readonly<Record<string, string>> = {},
): Case["run"] {
  const command = Deno.execPath();
  const engine = `--v8-flags=${["--expose-gc", ...engineFlags].join(",")}`;
  const flags = ["run", "-A", engine, fileURLToPath(module)];
  return () => measure({ command, args: [...flags, ...args.map(String)], env }, expected);
}

/** Prints the outcome, and ends the program. */
export function finish(outcome: Outcome): never {
  console.log(JSON.stringify(outcome));
  Deno.exit(0);
}

/** One figure of each round. */
export function figuresOf(series: Series, figure: (outcome: Outcome) => number): (number | null)[] {
  return series.map((outcome) => outcome === null ? null : figure(outcome));
}

/** The spread of one figure over the rounds with a result. */
export function spread(series: Series, figure: (outcome: Outcome) => number): Spread | undefined {
  return spreadOf(figuresOf(series, figure).filter((value) => value !== null));
}

/** The difference of two series by round: whatever slowed a whole round down cancels out. */
export function differences(
  these: readonly (number | null)[],
  those: readonly (number | null)[],
): Spread | undefined {
  return spreadOf(these.flatMap((figure, round) => {
    const other = those[round] ?? null;
    return figure === null || other === null ? [] : [figure - other];
  }));
}

/** The median, with the range of the figures in brackets. */
export function formatSpread(spread: Spread | undefined, unit = ""): string {
  if (spread === undefined) return "no result";
  const { median, min, max } = spread;
  return `${formatFigure(median)}${unit} [${formatFigure(min)} … ${formatFigure(max)}]`;
}

/** The median alone. */
export function formatMedian(spread: Spread | undefined, unit = ""): string {
  return spread === undefined ? "no result" : formatFigure(spread.median) + unit;
}

/** The lines of the report on measurements without a result. */
export function failureLines(failures: readonly string[]): string {
  if (failures.length === 0) return "";
  return `\n\nWithout a result:\n\n${[...new Set(failures)].map((failure) => `- ${failure}`).join("\n")}`;
}
