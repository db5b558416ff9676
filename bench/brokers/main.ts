/**
 * Measures services over brokers beside the bare clients of the brokers: `main.ts [--broker NAME] [--runs N]`. Brokers are
 * those of the environment that `deno task brokers` prints.
 */
import { parseArgs } from "node:util";
import { formatFigure, formatRate, formatRatio, tableOf } from "../format.ts";
import { alternate, type Case, failureLines, type Measured, ownProcess, spread } from "../goals/process.ts";
import type { Goal, Section } from "../section.ts";
import { type BrokerKind, brokerKinds } from "./transport.ts";

const usage = `deno task bench:brokers [options]

  --broker NAME   rabbitmq, kafka or nats (each that the environment has)
  --runs N        how many times each case is measured (3)
  --tells N       messages of one measurement (20,000)
  --asks N        asks of one measurement (500)
  --help          this

\`deno task brokers\` starts the brokers and prints the environment.`;

interface Sizes {
  readonly tells: number;
  readonly asks: number;
}

/** What is measured over each broker, and beside what. */
function casesOf(kind: BrokerKind, url: string, { tells, asks }: Sizes): Case[] {
  const posthorn = new URL("posthorn.ts", import.meta.url).href;
  const plain = new URL(`plain_${kind}.ts`, import.meta.url).href;
  const own = (id: string, count: number): Case => ({
    id: `${kind} ${id}`,
    run: ownProcess(posthorn, [kind, url, id, count], count),
  });
  const bare = (id: string, count: number): Case => ({
    id: `${kind} plain ${id}`,
    run: ownProcess(plain, [url, id, count], count),
  });
  return [
    bare("tells", tells),
    own("tells", tells),
    own("durable", tells),
    own("accept", tells),
    own("local", tells),
    bare("asks", asks),
    own("asks", asks),
    own("durableAsks", asks),
  ];
}

function sectionOf(kind: BrokerKind, measured: Measured, { tells }: Sizes): Section {
  const rate = (id: string) => {
    const least = spread(measured.series[`${kind} ${id}`], ({ elapsedMs }) => elapsedMs)?.min;
    return least === undefined ? undefined : tells / least * 1_000;
  };
  const p50 = (id: string) => spread(measured.series[`${kind} ${id}`], ({ also }) => also!.p50)?.min;
  const shown = (perSecond: number | undefined) =>
    perSecond === undefined ? "no result" : formatRate(perSecond);
  const share = (one: number | undefined, other: number | undefined) =>
    one === undefined || other === undefined ? "" : formatRatio(one / other);
  const goals: Goal[] = [];
  const goal = (name: string, value: number | undefined, fits: (value: number) => boolean, unit: string) => {
    if (value !== undefined) goals.push({ name, met: fits(value), figure: `${formatFigure(value)}${unit}` });
  };
  const over = (one: number | undefined, other: number | undefined) =>
    one === undefined || other === undefined ? undefined : one - other;
  const part = (one: number | undefined, other: number | undefined) =>
    one === undefined || other === undefined ? undefined : one / other;
  const atLeast = (value: number) => value >= 0.8;
  goal(
    `${kind}: tells without a store, at least 0.8 of its bare client`,
    part(rate("tells"), rate("plain tells")),
    atLeast,
    "×",
  );
  goal(
    `${kind}: an ask, at most 0.3 ms over its bare client`,
    over(p50("asks"), p50("plain asks")),
    (ms) => ms <= 0.3,
    " ms",
  );
  goal(
    `${kind}: acceptance with SQLite, at least 0.8 of that without a broker`,
    part(rate("accept"), rate("local")),
    atLeast,
    "×",
  );
  const rows = [
    ["tells, bare client", shown(rate("plain tells")), ""],
    ["tells, no store", shown(rate("tells")), share(rate("tells"), rate("plain tells"))],
    ["tells, SQLite on both sides", shown(rate("durable")), share(rate("durable"), rate("plain tells"))],
    ["accepted from the broker, SQLite", shown(rate("accept")), share(rate("accept"), rate("local"))],
    ["accepted without a broker, SQLite", shown(rate("local")), ""],
  ];
  const asks = ["plain asks", "asks", "durableAsks"].map((id) => {
    const value = p50(id);
    return [id, value === undefined ? "no result" : `${formatFigure(value)} ms`];
  });
  return {
    title: `Over ${kind}`,
    markdown: `${tableOf(["case", "messages a second", "of the line it is beside"], rows)}

${tableOf(["one ask after another", "p50"], asks)}${failureLines(measured.failures)}`,
    goals,
  };
}

const { values } = parseArgs({
  options: {
    broker: { type: "string" },
    runs: { type: "string", default: "3" },
    tells: { type: "string", default: "20000" },
    asks: { type: "string", default: "500" },
    help: { type: "boolean", default: false },
  },
});
if (values.help) {
  console.log(usage);
  Deno.exit(0);
}
const sizes: Sizes = { tells: Number(values.tells), asks: Number(values.asks) };
for (const kind of brokerKinds) {
  if (values.broker !== undefined && values.broker !== kind) continue;
  const url = Deno.env.get(`POSTHORN_${kind.toUpperCase()}`)?.split(" ")[0];
  if (url === undefined) {
    console.error(`${kind} is not there: \`deno task brokers ${kind}\``);
    continue;
  }
  const options = {
    runs: Number(values.runs),
    size: "full" as const,
    progress: (line: string) => console.error(line),
  };
  const measured = await alternate(casesOf(kind, url, sizes), options);
  const { title, markdown, goals } = sectionOf(kind, measured, sizes);
  const met = goals.map(({ name, met, figure }) => [name, met ? "met" : "**missed**", figure]);
  console.log(`## ${title}\n\n${tableOf(["goal", "", "measured"], met, 3)}\n\n${markdown}\n`);
}
