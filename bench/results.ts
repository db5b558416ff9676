import type { Section } from "./section.ts";
import { ratiosOf, type Spread } from "./statistics.ts";

/** Posthorn; a lower bound, which is the cost without an actor runtime; or another library or language. */
export type Kind = "ours" | "floor" | "peer";

/** A contender of the run. */
export interface Entry {
  readonly id: string;
  readonly label: string;
  /** How it is written, and why the comparison is fair. */
  readonly form: string;
  readonly kind: Kind;
  /** The number of threads that run its actors. */
  readonly cores: number;
  /** The versions of libraries or the toolchain, by name; may be empty. */
  readonly version: string;
}

/** The results of one contender in one workload. */
export interface Result {
  readonly size: number;
  /** Units per second by round; null if a round gave no result. */
  readonly rates: readonly (number | null)[];
  /** Other measured values by name, of the rounds with a result. */
  readonly also: Readonly<Record<string, readonly number[]>>;
  /** The reasons for missing results. */
  readonly failures: readonly string[];
}

/** The machine of the measurements. */
export interface Machine {
  readonly processor: string;
  readonly cores: number;
  readonly memoryBytes: number;
  readonly system: string;
  readonly deno: string;
  readonly v8: string;
}

/** The results of a run: all data of the report and the chart. */
export interface Results {
  readonly command: string;
  readonly date: string;
  readonly runs: number;
  readonly size: "full" | "smoke";
  readonly machine: Machine;
  readonly entries: readonly Entry[];
  /** By the id of the workload, then by that of the contender. */
  readonly byWorkload: Readonly<Record<string, Readonly<Record<string, Result>>>>;
  readonly sections: readonly Section[];
}

/** The id of the contender with which all others are compared. */
export const ours = "posthorn";

/**
 * The speed of Posthorn as a multiple of another contender's in a workload; undefined if one has no result.
 */
export function leadOver(results: Results, workload: string, id: string): Spread | undefined {
  const row = results.byWorkload[workload];
  const [mine, other] = [row?.[ours], row?.[id]];
  return mine === undefined || other === undefined ? undefined : ratiosOf(mine.rates, other.rates);
}
