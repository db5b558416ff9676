import type { Outcome } from "../contender.ts";
import { tableOf } from "../format.ts";
import type { Section } from "../section.ts";
import type { Measurement } from "../run.ts";
import { ratiosOf, type Spread } from "../statistics.ts";
import { type Client, clientNote, findClient, loadHttp } from "./http_load.ts";
import { answer, type App, appOf, body, type Form, forms, path, requireSameAnswer } from "./ingress_apps.ts";
import {
  alternate,
  failureLines,
  figuresOf,
  finish,
  formatMedian,
  formatSpread,
  type GoalOptions,
  type Measured,
  ownProcess,
  spread,
} from "./process.ts";
import { serveReports, ServerProcess } from "./server.ts";

const ratioMin = 0.9;
const connections = 64;
const titles: Readonly<Record<Form, string>> = {
  ingress: "`ingress` and an actor",
  route: "the same Hono route, which calls a function",
  shortRoute: "the shortest Hono route, which looks at no header",
};
const rows = Object.keys(titles) as Form[];

/** What an ask over HTTP costs beside a Hono route that calls a function. */
export async function ingressSection(options: GoalOptions): Promise<Section> {
  const full = options.size === "full";
  const size = full ? 100_000 : 100;
  const expected = size * JSON.parse(answer).cents;
  const inside = await alternate(
    [...forms, "nothing"].map((form) => ({
      id: form,
      run: ownProcess(import.meta.url, ["inside", form, size], expected),
    })),
    options,
  );
  const client = full ? await findClient() : "Deno"; // a second is the least that wrk can take
  const outside = await alternate(
    forms.map((form) => ({ id: form, run: () => serveAndLoad(form, client, full ? 3_000 : 100) })),
    options,
  );
  const insideRatio = ratio(inside, "ingress", ({ elapsedMs }) => elapsedMs);
  const outsideRatio = ratio(outside, "ingress", cpuMicroseconds);
  const least = `at least ${ratioMin}× the same Hono route`;
  return {
    title: "HTTP: an ask through the ingress beside a Hono route",
    markdown: markdownOf(inside, outside, size, client),
    goals: [
      {
        name: `Ingress: ${least}, without sockets`,
        met: (insideRatio?.median ?? 0) >= ratioMin,
        figure: formatSpread(insideRatio, "×"),
      },
      {
        name: `Ingress: ${least}, over sockets, by processor time`,
        met: (outsideRatio?.median ?? 0) >= ratioMin,
        figure: formatSpread(outsideRatio, "×"),
      },
    ],
  };
}

function markdownOf(inside: Measured, outside: Measured, size: number, client: Client): string {
  const microseconds = ({ elapsedMs }: Outcome) => elapsedMs * 1_000 / size;
  return `All forms answer \`POST ${path}\` with the same body, and check with zod what comes and what goes. Without sockets, one
request after another through \`app.fetch\`, in a process of its own. Of this, a request and its answer without any app take
${formatSpread(spread(inside.series.nothing, microseconds), " µs")}.

${
    tableOf(
      ["form", "µs a request", "as fast as the same route"],
      rows.map((form) => [
        titles[form],
        formatSpread(spread(inside.series[form], microseconds)),
        formatSpread(ratio(inside, form, microseconds), "×"),
      ]),
    )
  }

Over sockets: ${connections} connections that are kept. ${
    clientNote(client)
  } Requests a second are what server and client reach together;
processor time is that of the server's process alone.

${
    tableOf(
      [
        "form",
        "requests a second",
        "p50 ms",
        "p99 ms",
        "processor µs a request",
        "as cheap as the same route",
      ],
      rows.map((form) => [
        titles[form],
        formatSpread(spread(outside.series[form], ({ also }) => also!.perSecond)),
        formatMedian(spread(outside.series[form], ({ also }) => also!.p50Ms)),
        formatMedian(spread(outside.series[form], ({ also }) => also!.p99Ms)),
        formatSpread(spread(outside.series[form], cpuMicroseconds)),
        formatSpread(ratio(outside, form, cpuMicroseconds), "×"),
      ]),
    )
  }${failureLines([...inside.failures, ...outside.failures])}`;
}

/** How many times as good as the same route a form is in something that should be small. */
function ratio({ series }: Measured, form: Form, figure: (outcome: Outcome) => number): Spread | undefined {
  return ratiosOf(figuresOf(series.route, figure), figuresOf(series[form], figure));
}

function cpuMicroseconds({ also }: Outcome): number {
  return also!.cpuMicroseconds;
}

async function serveAndLoad(form: Form, client: Client, durationMs: number): Promise<Measurement> {
  await using server = await ServerProcess.start(import.meta.url, ["serve", form]);
  const load = { url: `http://127.0.0.1:${server.port}${path}`, body, connections, durationMs };
  await loadHttp(client, { ...load, durationMs: durationMs / 3 });
  const before = await server.report();
  const { requests, perSecond, p50Ms, p99Ms, errors } = await loadHttp(client, load);
  const after = await server.report();
  if (errors > 0) return { reason: `${errors} of ${requests} requests failed` };
  const cpuMicroseconds = (after.cpuMs - before.cpuMs) * 1_000 / requests;
  const also = { perSecond, p50Ms, p99Ms, cpuMicroseconds };
  return { outcome: { elapsedMs: durationMs, check: requests, also } };
}

/** An app that hands back what it gets. */
const nothing: App = { fetch: async (request) => new Response(await request.text()) };

async function requestInside(form: Form | "nothing", size: number): Promise<Outcome> {
  if (form === "route") await requireSameAnswer();
  const app = form === "nothing" ? nothing : appOf(form);
  const sent = form === "nothing" ? answer : body;
  const headers = { "content-type": "application/json", "content-length": String(sent.length) };
  const round = async (many: number) => {
    let check = 0;
    for (let index = 0; index < many; index++) {
      const response = await app.fetch(
        new Request(`http://localhost${path}`, { method: "POST", headers, body: sent }),
      );
      check += (await response.json()).cents;
    }
    return check;
  };
  await round(Math.ceil(size / 5));
  const startMs = performance.now();
  const check = await round(size);
  return { elapsedMs: performance.now() - startMs, check };
}

if (import.meta.main) {
  const [what, form, size] = Deno.args;
  if (what === "inside") finish(await requestInside(form as Form | "nothing", Number(size)));
  const app = appOf(form as Form);
  await serveReports((request) => app.fetch(request));
}
