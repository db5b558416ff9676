import type { Section } from "./section.ts";
import { ratiosOf, type Spread } from "./statistics.ts";

/** Posthorn; a floor, which is what it costs without an actor runtime; or a library or language beside it. */
export type Kind = "ours" | "floor" | "peer";

/** Who took part. */
export interface Entry {
  readonly id: string;
  readonly label: string;
  /** What its form is and why it is a fair one. */
  readonly form: string;
  readonly kind: Kind;
  /** How many threads run its actors. */
  readonly cores: number;
  /** Of the library or the toolchain, by name; empty where there is nothing to name. */
  readonly version: string;
}

/** What one contender came to in one workload. */
export interface Result {
  readonly size: number;
  /** Units a second, by round; null where a round gave no result. */
  readonly rates: readonly (number | null)[];
  /** What else was measured, by name, in the rounds that gave a result. */
  readonly also: Readonly<Record<string, readonly number[]>>;
  /** Why rounds gave no result. */
  readonly failures: readonly string[];
}

/** Where the measurements were made. */
export interface Machine {
  readonly processor: string;
  readonly cores: number;
  readonly memoryBytes: number;
  readonly system: string;
  readonly deno: string;
  readonly v8: string;
}

/** What a run of the benchmarks came to: all that the report and the chart are made of. */
export interface Results {
  readonly command: string;
  readonly date: string;
  readonly runs: number;
  readonly size: "full" | "smoke";
  readonly machine: Machine;
  readonly entries: readonly Entry[];
  /** By the workload's id, then by the contender's. */
  readonly byWorkload: Readonly<Record<string, Readonly<Record<string, Result>>>>;
  readonly sections: readonly Section[];
}

/** The id of what all the others are compared with. */
export const ours = "posthorn";

/** How many times as fast as another contender Posthorn is in a workload, or undefined where one has no result. */
export function leadOver(results: Results, workload: string, id: string): Spread | undefined {
  const row = results.byWorkload[workload];
  const [mine, other] = [row?.[ours], row?.[id]];
  return mine === undefined || other === undefined ? undefined : ratiosOf(mine.rates, other.rates);
}
