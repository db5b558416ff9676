import { formatCount, formatFigure, formatRatio } from "../../format.ts";
import { figuresOf, type Measured, type Series, spread } from "../../goals/process.ts";
import type { Goal } from "../../section.ts";
import { ratiosOf, type Spread } from "../../statistics.ts";
import { peerCase, type PostgresSizes } from "./cases.ts";
import type { Peer } from "./install.ts";
import type { Spent } from "./processor.ts";

/** The goals: the server's time as a share of that of others, latencies, and the processor time of a lone message. */
const usualShareMax = 0.1;
const besideBareMin = 0.5;
const anotherMsMax = 20;
const aloneMsMax = 0.8;
const killedMsMax = 1_000;
/** How many more rows a sweep may read beside actors at rest: other work of the instance may fall into it. */
const restRowsMax = 1;

type SeriesById = Measured["series"];

/** What a message costs the server, by round. */
function serverTimes(series: Series | undefined): (number | null)[] {
  return figuresOf(series ?? [], ({ also }) => also!.serverMicros);
}

/** How many times the time of one case another one takes of the server, by round. */
export function serverRatio(series: SeriesById, one: string, other: string): Spread | undefined {
  return ratiosOf(serverTimes(series[one]), serverTimes(series[other]));
}

/** What a message costs both sides together, in microseconds. */
export function bothSides(also: Readonly<Record<string, number>>): number {
  const { clientMicros, serverMicros } = also as unknown as Spent;
  return clientMicros + serverMicros;
}

/** The goals that these measurements can check, with these peers. */
export function postgresGoals(
  series: SeriesById,
  { actors, atRest }: PostgresSizes,
  peers: readonly Peer[],
): readonly Goal[] {
  const dearest = dearestOf(series, actors);
  // of what comes alone, the best round counts: other programs make the others slower
  const of = (id: string, figure: (also: Readonly<Record<string, number>>) => number) =>
    spread(series[id] ?? [], ({ also }) => figure(also!))?.min;
  return [
    ...peers.flatMap((peer) => [
      goal(
        `PostgreSQL: the server's time for a message at most ${usualShareMax} of ${peer.label} as its guide shows it`,
        serverRatio(series, dearest, peerCase(peer, "usual"))?.median,
        formatRatio,
        (share) => share <= usualShareMax,
      ),
      goal(
        `PostgreSQL: the server's time for a message below ${peer.label} at its best`,
        serverRatio(series, dearest, peerCase(peer, "best"))?.median,
        formatRatio,
        (share) => share < 1,
      ),
    ]),
    ...actors.map((count) =>
      goal(
        `PostgreSQL, ${formatCount(count)} ${
          count === 1 ? "actor" : "actors"
        }: bare SQL with the same rows in the same groups takes at least ${besideBareMin} of the server's time`,
        serverRatio(series, `bare ${count}`, `turns ${count}`)?.median,
        formatRatio,
        (share) => share >= besideBareMin,
      )
    ),
    goal(
      `PostgreSQL: a lone message, its turn included, takes at most ${aloneMsMax} ms of the processors of both sides`,
      of("alone", (also) => bothSides(also) / 1_000),
      inMs,
      (ms) => ms <= aloneMsMax,
    ),
    goal(
      `PostgreSQL: a turn of another instance follows within ${anotherMsMax} ms, p50`,
      of("another", ({ p50 }) => p50),
      inMs,
      (ms) => ms <= anotherMsMax,
    ),
    goal(
      `PostgreSQL: after a kill the first turn begins within ${
        formatCount(killedMsMax)
      } ms of the start of another process`,
      of("killed", ({ p50 }) => p50),
      inMs,
      (ms) => ms <= killedMsMax,
    ),
    goal(
      `PostgreSQL: beside ${formatCount(atRest)} actors at rest a sweep reads no more rows than without them`,
      of("rest", ({ rowsAlone, rowsBeside }) => rowsBeside - rowsAlone),
      (rows) => `${formatFigure(Math.max(rows, 0))} more`,
      (rows) => rows < restRowsMax,
    ),
  ];
}

/** The case of Posthorn in which a message costs the server most. */
function dearestOf(series: SeriesById, actors: readonly number[]): string {
  const cost = (id: string) => spread(series[id] ?? [], ({ also }) => also!.serverMicros)?.median ?? 0;
  return actors.map((count) => `turns ${count}`).reduce((one, other) =>
    cost(other) > cost(one) ? other : one
  );
}

function inMs(ms: number): string {
  return `${formatFigure(ms)} ms`;
}

function goal(
  name: string,
  value: number | undefined,
  format: (value: number) => string,
  fits: (value: number) => boolean,
): Goal {
  return {
    name,
    met: value !== undefined && fits(value),
    figure: value === undefined ? "no result" : format(value),
  };
}
