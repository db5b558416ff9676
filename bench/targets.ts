import { formatFigure, formatRatio } from "./format.ts";
import { type Entry, leadOver, ours, type Results } from "./results.ts";
import type { Goal } from "./section.ts";
import { spreadOf } from "./statistics.ts";
import { workloads } from "./workloads.ts";

const messaging = ["count", "burst", "pingPong", "ring", "big", "forkJoin"];
const asking = ["askOne", "askMany", "publish"];
const ranked = [...messaging, "create", ...asking];
const slower = ["nact", "moleculer", "comedy", "xstateMachine"];
const bytesPerActorMax = 200;

/** The goals that one rate a workload can judge, of those whose workloads and contenders were in the run. */
export function judge(results: Results): readonly Goal[] {
  return [
    ...ranked.flatMap((workload) => firstOn(results, workload)),
    ...slower.flatMap((peer) => atLeast(results, { workloads: messaging, other: peer, least: 10 })),
    ...atLeast(results, { workloads: messaging, other: "bare", least: 0.6 }),
    ...atLeast(results, { workloads: asking, other: "bare", least: 0.9 }),
    ...atLeast(results, { workloads: ["create"], other: "bare", least: 0.7 }),
    ...small(results),
  ];
}

function firstOn(results: Results, workload: string): readonly Goal[] {
  const rivals = results.entries.filter(({ kind, cores }) => kind === "peer" && cores === 1);
  const measured = rivals.filter(({ id }) => results.byWorkload[workload]?.[id] !== undefined);
  if (measured.length === 0 || results.byWorkload[workload]?.[ours] === undefined) return [];
  const name = `First on ${titleOf(workload)}, one core each`;
  if (!hasResult(results, workload)) return [{ name, met: false, figure: "no result" }];
  const leads = measured.flatMap(({ id, label }) => {
    const lead = leadOver(results, workload, id);
    return lead === undefined ? [] : [{ label, ratio: lead.median }];
  }).toSorted((a, b) => a.ratio - b.ratio);
  if (leads.length === 0) return [{ name, met: true, figure: "no other has a result" }];
  const [{ label, ratio }] = leads;
  return [{ name, met: ratio > 1, figure: `${formatRatio(ratio)} the next, ${label}` }];
}

interface Bound {
  readonly workloads: readonly string[];
  /** The id of the contender to compare with. */
  readonly other: string;
  /** What the ratio must be at least. */
  readonly least: number;
}

function atLeast(results: Results, { workloads: ids, other, least }: Bound): readonly Goal[] {
  const rows = ids.filter((id) => {
    const row = results.byWorkload[id];
    return row?.[other] !== undefined && row[ours] !== undefined;
  });
  if (rows.length === 0) return [];
  const label = labelOf(results.entries, other);
  const parts = rows.map((id) => ({
    title: titleOf(id),
    ratio: leadOver(results, id, other)?.median,
    has: hasResult(results, id),
  }));
  const aPeer = results.entries.some(({ id, kind }) => id === other && kind === "peer");
  const figure = parts.map(({ title, ratio }) =>
    `${title} ${ratio === undefined ? "no result" : formatRatio(ratio)}`
  ).join("; ");
  return [{
    name: `At least ${least}× ${label}: ${rows.length === 1 ? titleOf(rows[0]) : `${rows.length} workloads`}`,
    // What a peer cannot do at all is no fault of ours.
    met: parts.every(({ ratio, has }) => ratio === undefined ? aPeer && has : ratio >= least),
    figure,
  }];
}

function small(results: Results): readonly Goal[] {
  const create = results.byWorkload.create?.[ours];
  if (create === undefined) return [];
  const bytes = spreadOf(create.also.bytesPerActor ?? []);
  return [{
    name: `At most ${bytesPerActorMax} bytes of heap for an idle actor`,
    met: bytes !== undefined && bytes.median <= bytesPerActorMax,
    figure: bytes === undefined ? "no result" : `${formatFigure(bytes.median)} bytes`,
  }];
}

function hasResult(results: Results, workload: string): boolean {
  return results.byWorkload[workload]?.[ours]?.rates.some((rate) => rate !== null) ?? false;
}

function titleOf(workload: string): string {
  return workloads.find(({ id }) => id === workload)?.title ?? workload;
}

function labelOf(entries: readonly Entry[], id: string): string {
  return entries.find((entry) => entry.id === id)?.label ?? id;
}
