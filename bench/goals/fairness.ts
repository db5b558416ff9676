import { ingress } from "@posthorn/posthorn/http";
import { formatFigure, tableOf } from "../format.ts";
import type { Measurement } from "../run.ts";
import type { Section } from "../section.ts";
import { waitedForCoreMs } from "../waited.ts";
import { Clerk, Endless, type Load, loads } from "./fairness_loads.ts";
import { type Client, clientNote, findClient, loadHttp } from "./http_load.ts";
import { alternate, failureLines, formatMedian, type GoalOptions, type Series, spread } from "./process.ts";
import { type Report, serveReports, ServerProcess } from "./server.ts";

const intervalMs = 10;
const connections = 8;
const titles: Readonly<Record<Load, string>> = {
  storm: "two actors that exchange messages",
  asks: "`for (;;) await ref.ask(…)`",
  tells: "`for (;;) await ref.tell(…)`",
};

/** Measures timers and sockets in a process with an endless load of messages. */
export async function fairnessSection(options: GoalOptions): Promise<Section> {
  const full = options.size === "full";
  const client = full ? await findClient() : "Deno"; // wrk runs for at least a second
  const durationMs = full ? 5_000 : 100;
  const { series, failures } = await alternate(
    loads.map((load) => ({ id: load, run: () => observe(load, client, durationMs) })),
    options,
  );
  const rows = loads.map((load) => [
    titles[load],
    formatMedian(spread(series[load], ({ also }) => also!.messagesPerSecond / 1e6)),
    worst(series[load], "lateMs"),
    worst(series[load], "lateMsUnderLoad"),
    worst(series[load], "everLateMs"),
    formatMedian(spread(series[load], ({ also }) => also!.asksPerSecond)),
    formatMedian(spread(series[load], ({ also }) => also!.p50Ms)),
    formatMedian(spread(series[load], ({ also }) => also!.p99Ms)),
  ]);
  const head = [
    "without end",
    "M messages/s",
    "timer late ms",
    "and under HTTP",
    "with the wait for a core",
    "asks/s",
    "p50 ms",
    "p99 ms",
  ];
  return {
    title: "Fairness: timers and sockets while messages never end",
    markdown: `An interval of ${intervalMs} ms in the same process, ${
      durationMs / 1_000
    } s alone and as long while ${connections}
connections ask an actor through the ingress: the latest that it ever came, in all runs. While others have the core, nothing in
the process can run: what the kernel counts as that wait is left out, but for ${intervalMs} ms that may have passed before the interval was
due, and shown beside. ${clientNote(client)}

${tableOf(head, rows)}${failureLines(failures)}`,
    goals: [],
  };
}

function worst(series: Series, name: string): string {
  const figures = spread(series, ({ also }) => also![name]);
  return figures === undefined ? "no result" : formatFigure(figures.max);
}

async function observe(load: Load, client: Client, durationMs: number): Promise<Measurement> {
  await using server = await ServerProcess.start(import.meta.url, [load]);
  await server.report();
  await new Promise((resolve) => setTimeout(resolve, durationMs));
  const alone = await server.report();
  const url = `http://127.0.0.1:${server.port}/actors/clerk/main/hours`;
  await loadHttp(client, { url, connections, durationMs: durationMs / 5 });
  const { perSecond, p50Ms, p99Ms, errors } = await loadHttp(client, { url, connections, durationMs });
  const loaded = await server.report();
  if (errors > 0) return { reason: `${errors} requests failed` };
  if ([alone, loaded].some(({ also }) => also.messages === 0)) return { reason: "the messages have ended" };
  const also = {
    messagesPerSecond: alone.also.messages * 1_000 / alone.also.elapsedMs,
    lateMs: alone.also.lateMs,
    lateMsUnderLoad: loaded.also.lateMs,
    everLateMs: Math.max(alone.also.everLateMs, loaded.also.everLateMs),
    asksPerSecond: perSecond,
    p50Ms,
    p99Ms,
  };
  return { outcome: { elapsedMs: durationMs, check: alone.also.messages, also } };
}

/**
 * Measures the delay of an interval timer. Each report covers the time since the previous one.
 *
 * On a shared machine a thread waits for a core, which delays its timers whatever it runs. The waiting time
 * that the kernel reports is subtracted, except for the part that may have passed before the timer was due.
 */
class Watch {
  readonly #endless: Endless;
  #beganMs = performance.now();
  #messages = 0;
  #lateMs = 0;
  #everLateMs = 0;

  constructor(endless: Endless) {
    this.#endless = endless;
    let dueMs = performance.now() + intervalMs;
    let waitedMs = waitedForCoreMs();
    setInterval(() => {
      const nowMs = performance.now();
      const allWaitedMs = waitedForCoreMs();
      const lateMs = nowMs - dueMs;
      this.#everLateMs = Math.max(this.#everLateMs, lateMs);
      this.#lateMs = Math.max(this.#lateMs, lateMs - Math.max(allWaitedMs - waitedMs - intervalMs, 0));
      dueMs = nowMs + intervalMs;
      waitedMs = allWaitedMs;
    }, intervalMs);
  }

  report(): Report["also"] {
    const nowMs = performance.now();
    const { messages } = this.#endless;
    const also = {
      elapsedMs: nowMs - this.#beganMs,
      messages: messages - this.#messages,
      lateMs: this.#lateMs,
      everLateMs: this.#everLateMs,
    };
    this.#beganMs = nowMs;
    this.#messages = messages;
    this.#lateMs = this.#everLateMs = 0;
    return also;
  }
}

if (import.meta.main) {
  const endless = new Endless();
  const watch = new Watch(endless);
  const app = ingress(endless.system, { expose: [Clerk.hours] });
  endless.begin(Deno.args[0] as Load);
  await serveReports((request) => app.fetch(request), () => watch.report());
}
