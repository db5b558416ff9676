import type { Outcome } from "../contender.ts";
import { percentilesOf } from "../durable/percentiles.ts";
import { formatFigure, tableOf } from "../format.ts";
import { bytesOfHeap } from "../heap.ts";
import type { Goal, Section } from "../section.ts";
import { Busy, type Load, loads } from "./latency_loads.ts";
import {
  alternate,
  failureLines,
  finish,
  formatMedian,
  formatSpread,
  type GoalOptions,
  ownProcess,
  type Series,
  spread,
} from "./process.ts";

const p50MsMax = 2;
const p99MsMax = 5;
/** A timer sends the next ask this long after the previous reply, in milliseconds, as requests arrive. */
const pauseMs = 2;
const titles: Readonly<Record<Load, string>> = {
  nothing: "nothing",
  storm: "a storm of 50 pairs that exchange messages",
  backlog: "a mailbox of 1,000,000 messages",
};

/** Measures the latency of an ask to an idle actor while others have endless messages. */
export async function latencySection(options: GoalOptions): Promise<Section> {
  const full = options.size === "full";
  const asks = full ? 1_000 : 5;
  const { series, failures } = await alternate(
    loads.map((load) => ({ id: load, run: ownProcess(import.meta.url, [load, asks, full ? 1 : 0], asks) })),
    options,
  );
  const rows = loads.map((load) => {
    const of = (name: string) => spread(series[load], ({ also }) => also![name]);
    return [
      titles[load],
      formatSpread(of("p50Ms")),
      formatSpread(of("p99Ms")),
      formatSpread(of("greatestMs")),
      formatMedian(of("messagesPerSecond")),
    ];
  });
  return {
    title: "Latency: an ask to an idle actor beside others that are busy",
    markdown: `${
      asks.toLocaleString("en-US")
    } asks, one after another, each ${pauseMs} ms after the answer to the one before. \
Milliseconds. The messages that wait
take about a microsecond each; when half of them are handled, the mailbox is filled again between two asks, and the heap is collected.

${tableOf(["beside", "p50", "p99", "greatest", "messages/s beside it"], rows)}${failureLines(failures)}`,
    goals: loads.flatMap((load) => load === "nothing" ? [] : [goalOf(load, series[load])]),
  };
}

function goalOf(load: Load, series: Series): Goal {
  const [p50, p99] = ["p50Ms", "p99Ms"].map((name) => spread(series, ({ also }) => also![name])?.median);
  const measured = p50 !== undefined && p99 !== undefined;
  return {
    name: `An ask to an idle actor beside ${
      titles[load]
    }: p50 at most ${p50MsMax} ms, p99 at most ${p99MsMax} ms`,
    met: measured && p50 <= p50MsMax && p99 <= p99MsMax,
    figure: measured ? `p50 ${formatFigure(p50)} ms, p99 ${formatFigure(p99)} ms` : "no result",
  };
}

/** The check is the number of correct replies. */
async function askBeside(load: Load, asks: number, size: "full" | "smoke"): Promise<Outcome> {
  const busy = new Busy(size);
  const warming = Math.ceil(asks / 5);
  busy.begin(load);
  const latenciesMs: number[] = [];
  let check = 0;
  let messages = 0;
  let startMs = performance.now();
  for (let index = -warming; index < asks; index++) {
    if (index === 0) {
      messages = busy.messages;
      startMs = performance.now();
    }
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
    // collects now, so that no promotion happens during an ask
    if (load === "backlog" && busy.refill()) bytesOfHeap();
    const sentMs = performance.now();
    const answer = await busy.ask(index);
    if (index < 0) continue;
    latenciesMs.push(performance.now() - sentMs);
    if (answer === index + 1) check++;
  }
  const elapsedMs = performance.now() - startMs;
  const { p50: p50Ms, p99: p99Ms } = percentilesOf(latenciesMs);
  const messagesPerSecond = (busy.messages - messages) * 1_000 / elapsedMs;
  return {
    elapsedMs,
    check,
    also: { p50Ms, p99Ms, greatestMs: Math.max(...latenciesMs), messagesPerSecond },
  };
}

if (import.meta.main) {
  const [load, asks, full] = Deno.args;
  finish(await askBeside(load as Load, Number(asks), full === "1" ? "full" : "smoke"));
}
