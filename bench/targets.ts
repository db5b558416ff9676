import { formatFigure, formatRatio } from "./format.ts";
import { type Entry, leadOver, ours, type Result, type Results } from "./results.ts";
import type { Goal } from "./section.ts";
import { ratiosOf, spreadOf } from "./statistics.ts";
import { workloads } from "./workloads.ts";

const oneType = ["count", "burst", "pingPong", "ring", "forkJoin", "create", "askOne", "askMany", "publish"];
/** XState has no mailbox: an ask calls the receiver's reducer on the stack of the caller. */
const throughMailboxes = ["count", "burst", "pingPong", "ring", "big", "forkJoin", "create", "publish"];
const bytesPerActorMax = 200;
/** The nanoseconds of a turn of the bare core on the reference machine. */
export const referenceTurnNs = 30;

/**
 * The goals that the rates of workloads can check, as far as their workloads and contenders were part of the
 * run.
 */
export function judge(results: Results): readonly Goal[] {
  const go = (workloads: readonly string[], least: number) =>
    atLeast(results, { workloads, other: "go1", least });
  return [
    ...atMostNs(results, "typesBurst", 90, "a turn"),
    ...atMostNs(results, "typesHop", 90, "a hop"),
    ...atLeast(results, { workloads: ["typesBurst", "typesHop"], other: "bare", least: 0.35 }),
    ...go(oneType, 0.9),
    ...go(["big"], 0.45),
    ...go(["bigKept"], 0.6),
    ...atLeast(results, { workloads: throughMailboxes, other: "xstateTransition", least: 1 }),
    ...asks(results, "askOne"),
    ...asks(results, "askMany"),
    ...atMostNs(results, "askObject", 300, "an ask"),
    ...withoutPayload(results),
    ...small(results),
  ];
}

/** The nanoseconds of a turn of the bare core in this run, with 8 types in bursts. */
export function bareTurnNs(results: Results): number | undefined {
  return nanosecondsOf(results.byWorkload.typesBurst?.bare);
}

/** Scales a time to the reference machine, by the speed of the bare core. */
function atMostNs(results: Results, workload: string, most: number, what: string): readonly Goal[] {
  const result = results.byWorkload[workload]?.[ours];
  if (result === undefined) return [];
  const name = `${
    titleOf(workload)
  }: at most ${most} ns ${what} where the bare core takes ${referenceTurnNs}`;
  const nanoseconds = nanosecondsOf(result);
  if (nanoseconds === undefined) return [{ name, met: false, figure: "no result" }];
  const bareNs = bareTurnNs(results);
  if (bareNs === undefined) {
    return [{ name, met: false, figure: `${formatFigure(nanoseconds)} ns; the bare core was not measured` }];
  }
  const scaled = nanoseconds * referenceTurnNs / bareNs;
  const figure = `${formatFigure(scaled)} ns: ${formatFigure(nanoseconds)} here, the bare core ${
    formatFigure(bareNs)
  }`;
  return [{ name, met: scaled <= most, figure }];
}

interface Bound {
  readonly workloads: readonly string[];
  /** The id of the contender to compare with. */
  readonly other: string;
  /** The minimum ratio. */
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
  const subject = rows.length <= 2
    ? parts.map(({ title }) => title).join(" and ")
    : `${rows.length} workloads`;
  return [{
    name: `At least ${least}× ${label}: ${subject}`,
    // A peer without a result does not count against Posthorn.
    met: parts.every(({ ratio, has }) => ratio === undefined ? aPeer && has : ratio >= least),
    figure,
  }];
}

const askMax = 1.35;

function asks(results: Results, workload: string): readonly Goal[] {
  const row = results.byWorkload[workload];
  if (row?.[ours] === undefined || row.bare === undefined) return [];
  const times = ratiosOf(row.bare.rates, row[ours].rates);
  return [{
    name: `${titleOf(workload)}: at most ${askMax}× a bare mailbox with a promise`,
    met: times !== undefined && times.median <= askMax,
    figure: times === undefined ? "no result" : formatRatio(times.median),
  }];
}

/** The ratio by which two runs of the same code differ. */
const noise = 0.05;

function withoutPayload({ byWorkload }: Results): readonly Goal[] {
  const [empty, unchecked] = ["burstEmpty", "burst"].map((id) => byWorkload[id]?.[ours]);
  if (empty === undefined || unchecked === undefined) return [];
  const times = ratiosOf(unchecked.rates, empty.rates);
  return [{
    name: `A message without payload costs what an unchecked one does, within ${noise * 100} %`,
    met: times !== undefined && times.median <= 1 + noise,
    figure: times === undefined ? "no result" : formatRatio(times.median),
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

/** The duration of one unit in the median round. */
function nanosecondsOf(result: Result | undefined): number | undefined {
  const rate = spreadOf(result?.rates.filter((rate) => rate !== null) ?? []);
  return rate === undefined ? undefined : 1e9 / rate.median;
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
