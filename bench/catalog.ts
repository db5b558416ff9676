import type { Contender } from "./contender.ts";
import { type Entry, type Kind, ours } from "./results.ts";
import type { Command } from "./run.ts";
import { versionOf } from "./machine.ts";
import { runsInProcess, type WorkloadInfo } from "./workloads.ts";
import type { ForeignContender } from "./foreign.ts";

/** A contender as the runner sees it: what it can do, and the command that does it. */
export interface Candidate extends Entry {
  /** The ids of the workloads that it has. */
  readonly workloads: readonly string[];
  readonly divisors: Readonly<Record<string, number>>;
  command(workload: string, size: number): Command;
}

const floors = ["bare", "ringLoop", "functionCall"];

/** The libraries that are measured beside ours. */
export const javaScriptPeers: readonly string[] = [
  "nact",
  "xstateTransition",
  "xstateMachine",
  "effectBatch",
  "effectMessage",
  "comedy",
  "moleculer",
];

/** Every contender that Deno alone can run, ours first: each is a file of that name in `bench/contenders`. */
export const javaScriptIds: readonly string[] = [ours, ...floors, ...javaScriptPeers];

/** The contenders that Deno alone can run. */
export function javaScriptCandidates(): Promise<readonly Candidate[]> {
  return Promise.all(javaScriptIds.map(javaScriptCandidate));
}

/** What needs a toolchain of its own, as the runner sees it. */
export function foreignCandidate(contender: ForeignContender): Candidate {
  const { id, label, form, cores, version, workloads, divisors = {} } = contender;
  const command = (workload: string, size: number) => contender.command(workload, size);
  return { id, label, form, kind: "peer", cores, version, workloads, divisors, command };
}

/**
 * How much a contender does of a workload. A part of the whole is so many smoke sizes, since every workload comes out
 * even at those.
 */
export function sizeFor(
  candidate: Pick<Candidate, "divisors">,
  { id, size, smokeSize }: WorkloadInfo,
  wanted: "full" | "smoke",
): number {
  if (wanted === "smoke") return smokeSize;
  const divisor = candidate.divisors[id] ?? 1;
  return divisor === 1 ? size : smokeSize * Math.max(Math.floor(size / divisor / smokeSize), 1);
}

async function javaScriptCandidate(id: string): Promise<Candidate> {
  const module = new URL(`contenders/${id}.ts`, import.meta.url);
  const { contender } = await import(module.href) as { contender: Contender };
  const { label, form, workloads, divisors = {} } = contender;
  return {
    id,
    label,
    form,
    kind: kindOf(id),
    cores: 1,
    version: await versionOf(module),
    workloads: Object.keys(workloads),
    divisors,
    command: (workload, size) => onceCommand(new URL(import.meta.url), id, workload, size),
  };
}

function kindOf(id: string): Kind {
  if (id === ours) return "ours";
  return floors.includes(id) ? "floor" : "peer";
}

/**
 * The command that measures one workload of a contender of the `bench` folder in which the base lies; as on a quiet machine
 * where that is said.
 */
export function onceCommand(
  base: URL,
  id: string,
  workload: string,
  size: number,
  { quiet = false }: { readonly quiet?: boolean } = {},
): Command {
  const once = new URL("once.ts", base).pathname;
  const options = quiet ? [String(runsInProcess), "quiet"] : [];
  return {
    command: Deno.execPath(),
    args: ["run", "-A", "--v8-flags=--expose-gc", once, id, workload, String(size), ...options],
  };
}
