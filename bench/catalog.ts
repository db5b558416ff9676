import type { Contender } from "./contender.ts";
import { type Entry, type Kind, ours } from "./results.ts";
import type { Command } from "./run.ts";
import { versionOf } from "./machine.ts";
import { runsInProcess, type WorkloadInfo } from "./workloads.ts";
import type { ForeignContender } from "./foreign.ts";

/** A contender as the runner uses it: its workloads, and the command that measures one. */
export interface Candidate extends Entry {
  /** The ids of its workloads. */
  readonly workloads: readonly string[];
  readonly divisors: Readonly<Record<string, number>>;
  command(workload: string, size: number): Command;
}

const floors = ["bare", "ringLoop", "functionCall"];

/** The libraries that are compared with Posthorn. */
export const javaScriptPeers: readonly string[] = [
  "nact",
  "xstateTransition",
  "xstateMachine",
  "effectBatch",
  "effectMessage",
  "comedy",
  "moleculer",
];

/**
 * The ids of all contenders that need only Deno, Posthorn first: each is a file of that name in
 * `bench/contenders`.
 */
export const javaScriptIds: readonly string[] = [ours, ...floors, ...javaScriptPeers];

/** The contenders that need only Deno. */
export function javaScriptCandidates(): Promise<readonly Candidate[]> {
  return Promise.all(javaScriptIds.map(javaScriptCandidate));
}

/** A contender that needs another toolchain, as the runner uses it. */
export function foreignCandidate(contender: ForeignContender): Candidate {
  const { id, label, form, cores, version, workloads, divisors = {} } = contender;
  const command = (workload: string, size: number) => contender.command(workload, size);
  return { id, label, form, kind: "peer", cores, version, workloads, divisors, command };
}

/**
 * The size of a workload for a contender. A part of the full size is a multiple of the smoke size, because
 * the checks are defined for those.
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
 * The command that measures one workload of a contender, in the `bench` folder that contains `base`; with
 * `quiet`, as on a quiet machine.
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
