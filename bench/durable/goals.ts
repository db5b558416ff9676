import { formatCount, formatFigure, formatRatio } from "../format.ts";
import { figuresOf, type Measured, type Series, spread } from "../goals/process.ts";
import type { Goal } from "../section.ts";
import { ratiosOf, type Spread } from "../statistics.ts";
import type { Sizes } from "./cases.ts";
import { restCase } from "./rest.ts";

/** The goals: the minimum speed as a multiple of the bare rows, by number of actors, the largest first. */
const besideBareMin: readonly number[] = [0.5, 0.6];
const tellCommitsMax = 1.6;
const readyMsMax = 80;
const answerMsMax = 10;

type SeriesById = Measured["series"];

/** The speed of one case as a multiple of another's, by round. */
export function leadOf(series: SeriesById, one: string, other: string): Spread | undefined {
  const rate = (of: Series) => figuresOf(of, ({ elapsedMs }) => 1 / elapsedMs);
  const [these, those] = [series[one], series[other]];
  return these === undefined || those === undefined ? undefined : ratiosOf(rate(these), rate(those));
}

/** The goals that these measurements can check. */
export function durableGoals(series: SeriesById, { actors, atRest }: Sizes): readonly Goal[] {
  const most = actors.toReversed();
  return [
    ...besideBareMin.map((least, index) => besideBare(series, most[index], least)).toReversed(),
    loneTell(series),
    ...rest(series, atRest),
  ];
}

function besideBare(series: SeriesById, actors: number, least: number): Goal {
  const lead = leadOf(series, `turns sqliteFull ${actors}`, `bare sqliteFull ${actors}`);
  return {
    name: `SQLite FULL, ${formatCount(actors)} ${
      actors === 1 ? "actor" : "actors"
    }: at least ${least}× the bare grouped rows`,
    met: lead !== undefined && lead.median >= least,
    figure: lead === undefined
      ? "no result"
      : `${formatRatio(lead.median)} (${formatFigure(lead.min)} to ${formatFigure(lead.max)})`,
  };
}

function loneTell(series: SeriesById): Goal {
  const commits = spread(series["alone sqliteFull"], ({ also }) => also!.p50 / also!.commitP50);
  return {
    name:
      `SQLite FULL: the effect of a lone tell to an actor that is loaded and idle in at most ${tellCommitsMax} bare commits`,
    met: commits !== undefined && commits.median <= tellCommitsMax,
    figure: commits === undefined ? "no result" : `${formatFigure(commits.median)} commits`,
  };
}

function rest(series: SeriesById, atRest: number): Goal[] {
  const of = (name: string, title: string, most: number): Goal => {
    const figure = spread(series[restCase], ({ also }) => also![name]);
    return {
      name: `SQLite, ${formatCount(atRest)} actors at rest: ${title} within ${most} ms`,
      met: figure !== undefined && figure.median <= most,
      figure: figure === undefined ? "no result" : `${formatFigure(figure.median)} ms`,
    };
  };
  return [
    of("readyMs", "a process is ready", readyMsMax),
    of("answerMs", "its first answer", answerMsMax),
  ];
}
