import { formatFigure, formatRatio } from "../format.ts";
import { figuresOf, type Measured, type Series, spread } from "../goals/process.ts";
import type { Goal } from "../section.ts";
import { ratiosOf, type Spread } from "../statistics.ts";
import type { Sizes } from "./cases.ts";

/** What each goal asks for. */
const slowestBesideBareSqlite = 0.5;
/** The same where each of some actors has several messages on their way. */
const slowestBesideBareSome = 0.6;
const tellCommitsMax = 1.6;
const kvRateMin = 12_000;
/** The bare rate at which that is asked for. */
const kvBareRate = 14_000;
const besideKvQueue = 10;
const kvQueueLatencyPart = 100;
const askCommitsMax = 1.5;
const heapGrowthMax = 0.1;
const residentGrowthMax = 0.25;
const backlogSlowdownMax = 1.25;
const backlogBytesMax = 100;

type SeriesById = Measured["series"];

/** How many times as fast one case is as another, round by round. */
export function leadOf(series: SeriesById, one: string, other: string): Spread | undefined {
  const rate = (of: Series) => figuresOf(of, ({ elapsedMs }) => 1 / elapsedMs);
  const [these, those] = [series[one], series[other]];
  return these === undefined || those === undefined ? undefined : ratiosOf(rate(these), rate(those));
}

/** The goals that these measurements can judge. */
export function durableGoals(series: SeriesById, sizes: Sizes): readonly Goal[] {
  const some = sizes.actors.at(-2)!;
  return [
    ...sizes.actors.map((actors) =>
      besideBare(series, actors, actors === some ? slowestBesideBareSome : slowestBesideBareSqlite)
    ),
    kvRate(series, some, sizes),
    kvQueueRate(series, some, sizes),
    kvQueueLatency(series),
    ...series["bullmq default"] === undefined ? [] : sizes.actors.map((actors) => bullMq(series, actors)),
    ...["sqliteFull", "kvFile"].map((id) => askCost(series, id)),
    ...["sqliteFull", "kvFile"].map((id) => tellCost(series, id)),
    ...steady(series, sizes),
    ...backlogs(series, sizes),
  ];
}

function besideBare(series: SeriesById, actors: number, least: number): Goal {
  const lead = leadOf(series, `turns sqliteFull ${actors}`, `bare sqliteFull ${actors}`);
  return atLeast(
    `SQLite FULL: at least ${formatFigure(least)}× the bare grouped rows, ${formatCount(actors)} ${
      actors === 1 ? "actor" : "actors"
    }`,
    lead,
    least,
  );
}

function kvRate(series: SeriesById, actors: number, { turns }: Sizes): Goal {
  const rate = (id: string) =>
    spread(series[id], ({ elapsedMs }) => turns * 1_000 / elapsedMs)?.median ?? NaN;
  const [ours, bare] = [rate(`turns kvFile ${actors}`), rate(`bare kvFile ${actors}`)];
  const part = kvRateMin / kvBareRate;
  return {
    name: `Deno KV, file: at least ${formatCount(kvRateMin)} turns/s where bare groups of 25 give ${
      formatCount(kvBareRate)
    } (${formatFigure(part)}×)`,
    met: ours >= kvRateMin || ours / bare >= part,
    figure: `${formatCount(ours)} turns/s, bare ${formatCount(bare)}: ${formatRatio(ours / bare)}`,
  };
}

function kvQueueRate(series: SeriesById, actors: number, { turns, queued }: Sizes): Goal {
  const lead = ratiosOf(
    figuresOf(series[`turns kvFile ${actors}`], ({ elapsedMs }) => turns / elapsedMs),
    figuresOf(series.kvQueue, ({ elapsedMs }) => queued / elapsedMs),
  );
  return atLeast(`Deno KV, file: at least ${besideKvQueue}× its queue`, lead, besideKvQueue);
}

function kvQueueLatency(series: SeriesById): Goal {
  const p50 = ({ also }: { also?: Readonly<Record<string, number>> }) => also!.p50;
  const part = ratiosOf(figuresOf(series["kvQueue alone"], p50), figuresOf(series["alone kvFile"], p50));
  const own = spread(series["alone kvFile"], p50);
  const theirs = spread(series["kvQueue alone"], p50);
  return {
    name: `Deno KV, file: a ${kvQueueLatencyPart}th of its queue's latency, one message at a time`,
    met: part !== undefined && part.median >= kvQueueLatencyPart,
    figure: `${formatFigure(own?.median ?? NaN)} ms, the queue ${formatFigure(theirs?.median ?? NaN)} ms`,
  };
}

function bullMq(series: SeriesById, actors: number): Goal {
  const lead = leadOf(series, `turns sqliteNormal ${actors}`, "bullmq default");
  const name = `SQLite NORMAL: ahead of BullMQ at Redis's default, ${formatCount(actors)} ${
    actors === 1 ? "actor" : "actors"
  }`;
  return atLeast(name, lead, 1);
}

function askCost(series: SeriesById, id: string): Goal {
  const commits = spread(series[`ask ${id}`], ({ also }) => also!.askP50 / also!.commitP50);
  return {
    name: `An unloaded durable ask costs at most ${askCommitsMax} bare commits, ${id}`,
    met: commits !== undefined && commits.median <= askCommitsMax,
    figure: commits === undefined ? "no result" : `${formatFigure(commits.median)} commits`,
  };
}

function tellCost(series: SeriesById, id: string): Goal {
  const commits = spread(series[`alone ${id}`], ({ also }) => also!.p50 / also!.commitP50);
  return {
    name: `The effect of a lone durable tell costs at most ${tellCommitsMax} bare commits, ${id}`,
    met: commits !== undefined && commits.median <= tellCommitsMax,
    figure: commits === undefined ? "no result" : `${formatFigure(commits.median)} commits`,
  };
}

function steady(series: SeriesById, { steady: turns }: Sizes): Goal[] {
  if (series.steady === undefined) return [];
  const grown = (what: string) =>
    spread(series.steady, ({ also }) => also![`${what}10`] / also![`${what}2`] - 1);
  const of = (what: string, title: string, most: number): Goal => ({
    name: `Memory: ${title} stays within ${most * 100} % over ${formatCount(turns)} turns`,
    met: (grown(what)?.median ?? Infinity) <= most,
    figure: `${
      formatFigure((grown(what)?.median ?? NaN) * 100)
    } % more after the last tenth than after the second`,
  });
  return [
    of("heap", "what lives on the heap", heapGrowthMax),
    of("resident", "what the process holds", residentGrowthMax),
  ];
}

function backlogs(series: SeriesById, { shortBacklog, longBacklog }: Sizes): Goal[] {
  const [short, long] = [shortBacklog, longBacklog].map((waiting) => `backlog ${waiting}`);
  const lead = leadOf(series, long, short);
  const heap = (id: string) => spread(series[id], ({ also }) => also!.heapAfter)?.median ?? NaN;
  const bytes = (heap(long) - heap(short)) / (longBacklog - shortBacklog);
  const count = formatCount(longBacklog);
  return [
    atLeast(`${count} waiting messages in SQLite do not slow a turn`, lead, 1 / backlogSlowdownMax),
    {
      name: `${count} waiting messages take at most ${backlogBytesMax} bytes of heap each`,
      met: bytes <= backlogBytesMax,
      figure: `${formatFigure(Math.max(bytes, 0))} bytes`,
    },
  ];
}

function atLeast(name: string, lead: Spread | undefined, least: number): Goal {
  const figure = lead === undefined
    ? "no result"
    : `${formatRatio(lead.median)} (${formatFigure(lead.min)} to ${formatFigure(lead.max)})`;
  return { name, met: lead !== undefined && lead.median >= least, figure };
}

function formatCount(count: number): string {
  return Math.round(count).toLocaleString("en-US");
}
