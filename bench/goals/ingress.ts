import { inFolder } from "../durable/stores.ts";
import type { Outcome } from "../contender.ts";
import { formatFigure, tableOf } from "../format.ts";
import type { Goal, Section } from "../section.ts";
import type { Measurement } from "../run.ts";
import { ratiosOf, type Spread } from "../statistics.ts";
import { type Client, clientNote, findClient, loadHttp } from "./http_load.ts";
import {
  actorApp,
  type App,
  bareRoute,
  body,
  type Mode,
  modes,
  pathOf,
  type Place,
  places,
  requireSameAnswer,
  sameRoute,
} from "./ingress_apps.ts";
import {
  alternate,
  failureLines,
  figuresOf,
  formatMedian,
  formatSpread,
  type GoalOptions,
  type Measured,
  spread,
} from "./process.ts";
import { serveReports, ServerProcess } from "./server.ts";

const connections = 32;
/** The maximum processor time of each mode, as a multiple of the bare route's. */
const timesMax: Readonly<Record<Place, Readonly<Record<Mode, number>>>> = {
  memory: { ask: 1.4, tell: 1.4, submit: 2.5 },
  sqlite: { ask: 2, tell: 3.5, submit: 5 },
};
const placeNames: Readonly<Record<Place, string>> = { memory: "in memory", sqlite: "over SQLite, FULL" };

/** One case of the measurement. */
interface Form {
  readonly id: string;
  readonly title: string;
  readonly mode: Mode;
  /** Where the actor keeps its state; absent if there is no actor. */
  readonly place?: Place;
}

const forms: readonly Form[] = [
  { id: "bare", title: "bare Hono route with the same schemas", mode: "ask" },
  { id: "same", title: "Hono route that looks at the same headers and bounds", mode: "ask" },
  ...places.flatMap((place) =>
    (Object.keys(modes) as Mode[]).map((mode) => ({
      id: `${mode} ${place}`,
      title: `**${mode}, ${placeNames[place]}**`,
      mode,
      place,
    }))
  ),
];

/**
 * Measures the cost of asks, tells and submits over HTTP, compared with a Hono route that calls a function.
 */
export async function ingressSection(options: GoalOptions): Promise<Section> {
  const full = options.size === "full";
  const client = full ? await findClient() : "Deno"; // wrk runs for at least a second
  const measured = await alternate(
    forms.map((form) => ({ id: form.id, run: () => serveAndLoad(form, client, full ? 3_000 : 100) })),
    options,
  );
  return {
    title: "HTTP: ask, tell and submit beside a bare Hono route",
    markdown: markdownOf(measured, client),
    goals: forms.flatMap((form) => form.place === undefined ? [] : [goalOf(measured, form, form.place)]),
  };
}

function goalOf(measured: Measured, { id, mode }: Form, place: Place): Goal {
  const most = timesMax[place][mode];
  const times = timesBare(measured, id);
  return {
    name: `HTTP, ${mode} ${placeNames[place]}: at most ${most}× the processor time of the bare route`,
    met: times !== undefined && times.median <= most,
    figure: times === undefined ? "no result" : `${formatFigure(times.median)}×`,
  };
}

function markdownOf(measured: Measured, client: Client): string {
  const { series, failures } = measured;
  return `All check \`${body}\` with zod, and the reply where there is one; an actor changes its state. ${connections} connections that are
kept. ${clientNote(client)} Processor time is that of the server's process alone, with all of its
threads. Requests a second are what server and client reach together.

${
    tableOf(
      ["", "processor µs a request", "times the bare route", "requests a second", "p50 ms", "p99 ms"],
      forms.map(({ id, title }) => [
        title,
        formatSpread(spread(series[id], cpuMicroseconds)),
        id === "bare" ? "" : formatSpread(timesBare(measured, id), "×"),
        formatSpread(spread(series[id], ({ also }) => also!.perSecond)),
        formatMedian(spread(series[id], ({ also }) => also!.p50Ms)),
        formatMedian(spread(series[id], ({ also }) => also!.p99Ms)),
      ]),
    )
  }${failureLines(failures)}`;
}

/** The processor time of a form as a multiple of the bare route's in the same round. */
function timesBare({ series }: Measured, id: string): Spread | undefined {
  return ratiosOf(figuresOf(series[id], cpuMicroseconds), figuresOf(series.bare, cpuMicroseconds));
}

function cpuMicroseconds({ also }: Outcome): number {
  return also!.cpuMicroseconds;
}

function serveAndLoad({ id, mode }: Form, client: Client, durationMs: number): Promise<Measurement> {
  return inFolder(async (folder) => {
    await using server = await ServerProcess.start(import.meta.url, [id, folder]);
    const load = { url: `http://127.0.0.1:${server.port}${pathOf(mode)}`, body, connections, durationMs };
    await loadHttp(client, { ...load, durationMs: durationMs * 2 / 3 });
    const before = await server.report();
    const { requests, perSecond, p50Ms, p99Ms, errors } = await loadHttp(client, load);
    const after = await server.report();
    if (errors > 0) return { reason: `${errors} of ${requests} requests failed` };
    const cpuMicroseconds = (after.cpuMs - before.cpuMs) * 1_000 / requests;
    const also = { perSecond, p50Ms, p99Ms, cpuMicroseconds };
    return { outcome: { elapsedMs: durationMs, check: requests, also } };
  });
}

function appOf({ id, place }: Form, folder: string): App {
  if (place !== undefined) return actorApp(place, folder);
  return id === "same" ? sameRoute() : bareRoute();
}

if (import.meta.main) {
  const [id, folder] = Deno.args;
  const app = appOf(forms.find((form) => form.id === id)!, folder);
  await requireSameAnswer(app);
  await serveReports((request) => app.fetch(request));
}
