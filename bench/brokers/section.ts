import { formatFigure, formatRate, formatRatio, tableOf } from "../format.ts";
import { failureLines, type Measured, spread } from "../goals/process.ts";
import type { Goal } from "../section.ts";
import { confirming, frameworks, type Sizes } from "./cases.ts";
import { peerNames } from "./install.ts";
import type { BrokerKind } from "./transport.ts";

/** The goals: shares of throughput, and what an ask may take longer. */
const shareMin = 0.8;
const askMsMax = 0.3;

/** The measurements over one broker. */
export interface BrokerPart {
  readonly markdown: string;
  readonly goals: readonly Goal[];
}

/** Reads the best of each series: whatever else the machine did made the others slower. */
class Figures {
  readonly #measured: Measured;
  readonly #kind: BrokerKind;

  constructor(kind: BrokerKind, measured: Measured) {
    this.#kind = kind;
    this.#measured = measured;
  }

  rate(id: string, count: number): number | undefined {
    const least = spread(this.#series(id), ({ elapsedMs }) => elapsedMs)?.min;
    return least === undefined ? undefined : count / least * 1_000;
  }

  p50(id: string): number | undefined {
    return spread(this.#series(id), ({ also }) => also!.p50)?.min;
  }

  #series(id: string) {
    return this.#measured.series[`${this.#kind} ${id}`] ?? [];
  }
}

/** The part of a report on one broker. */
export function brokerPart(kind: BrokerKind, measured: Measured, sizes: Sizes): BrokerPart {
  const { tells } = sizes;
  const figures = new Figures(kind, measured);
  const rate = (id: string) => figures.rate(id, tells);
  const share = (one: string, other: string) => divided(rate(one), rate(other));
  const over = difference(figures.p50("asks"), figures.p50("plain asks"));
  const goals = [
    goal(
      `${kind}: tells without a store, at least ${shareMin} of the bare client`,
      share("tells", "plain tells"),
      "×",
      (value) => value >= shareMin,
    ),
    goal(
      `${kind}: an ask, at most ${askMsMax} ms over the bare client`,
      over,
      " ms",
      (value) => value <= askMsMax,
    ),
    goal(
      `${kind}: acceptance with SQLite, at least ${shareMin} of that without a broker`,
      share("accept", "local"),
      "×",
      (value) => value >= shareMin,
    ),
  ];
  const rows = [
    ["tells, bare client", shown(rate("plain tells")), ""],
    ["tells, no store", shown(rate("tells")), shownShare(share("tells", "plain tells"))],
    ["tells, SQLite on both sides", shown(rate("durable")), shownShare(share("durable", "plain tells"))],
    ["accepted from the broker, SQLite", shown(rate("accept")), shownShare(share("accept", "local"))],
    ["accepted without a broker, SQLite", shown(rate("local")), ""],
  ];
  const asks = [
    ["bare client", "plain asks"],
    ["Posthorn, no store", "asks"],
    ["Posthorn, SQLite on both sides", "durableAsks"],
  ].map(([name, id]) => [name, shownMs(figures.p50(id))]);
  const beside = kind === "nats" ? besideFrameworks(figures, sizes) : undefined;
  return {
    markdown: [
      `### ${titles[kind]}`,
      tableOf(["case", "messages a second", "of the line it is beside"], rows),
      tableOf(["one ask after another", "p50"], asks),
      ...beside === undefined ? [] : [beside.markdown],
    ].join("\n\n") + failureLines(measured.failures),
    goals: [...goals, ...beside?.goals ?? []],
  };
}

const titles: Readonly<Record<BrokerKind, string>> = { rabbitmq: "RabbitMQ", kafka: "Kafka", nats: "NATS" };
const names = {
  ...peerNames,
  channels: `${peerNames.channels}, 1,000 at once`,
  channelsByDefault: `${peerNames.channels}, one at a time`,
};

/** The same NATS, beside libraries that speak to services over it. */
function besideFrameworks(figures: Figures, { tells }: Sizes): BrokerPart {
  const rate = (id: string) => figures.rate(id, tells);
  const share = (id: string, library: string) => divided(rate(id), rate(`${library} ${id}`));
  const confirmed = (id: string) => `${shown(rate(id))}, confirmed`;
  const rows = [
    ["Posthorn", shownMs(figures.p50("asks")), shown(rate("calls")), confirmed("publish")],
    ...confirming.map((library) => [names[library], "", "", confirmed(`${library} publish`)]),
    ...frameworks.map((library) => [
      names[library],
      shownMs(figures.p50(`${library} asks`)),
      shown(rate(`${library} calls`)),
      `${shown(rate(`${library} publish`))}, unconfirmed`,
    ]),
  ];
  const ahead = (what: string, library: keyof typeof names, value: number | undefined) =>
    goal(`nats: ${what}, ahead of ${names[library]}`, value, "×", (value) => value > 1);
  const goals = [
    ...frameworks.flatMap((library) => [
      ahead("an ask", library, divided(figures.p50(`${library} asks`), figures.p50("asks"))),
      ahead("100 asks in flight", library, share("calls", library)),
    ]),
    ahead("publish that is confirmed", "channels", share("publish", "channels")),
    ahead("publish that is confirmed", "jetstream", share("publish", "jetstream")),
  ];
  const head = ["", "one ask after another, p50", "100 asks in flight", "publish, 1,000 in flight"];
  const text =
    `Beside libraries over the same NATS. A publish of Posthorn, \`sendToChannel\` of @moleculer/channels and \`emit\` of
@nestjs-plugins/nestjs-nats-jetstream-transport resolve when a stream confirms that it has the event, and who hears it
gets it at least once. These streams are files with one copy. Posthorn hears in order, and notes once a second and when
it stops how far it is; the others acknowledge each message. The time ends when the server has that of the last one.
@moleculer/channels handles one message at a time unless it is told otherwise, so it is measured both ways; it asks for
Moleculer 0.14, and runs with the one named here. \`emit\` of Moleculer and of NestJS by themselves resolves when it is
written to the socket: nothing keeps it, and nobody knows whether it arrives.`;
  return { markdown: `${text}\n\n${tableOf(head, rows)}`, goals };
}

function goal(name: string, value: number | undefined, unit: string, fits: (value: number) => boolean): Goal {
  const figure = value === undefined ? "no result" : `${formatFigure(value)}${unit}`;
  return { name, met: value !== undefined && fits(value), figure };
}

function divided(one: number | undefined, other: number | undefined): number | undefined {
  return one === undefined || other === undefined ? undefined : one / other;
}

function difference(one: number | undefined, other: number | undefined): number | undefined {
  return one === undefined || other === undefined ? undefined : one - other;
}

function shown(perSecond: number | undefined): string {
  return perSecond === undefined ? "no result" : formatRate(perSecond);
}

function shownShare(share: number | undefined): string {
  return share === undefined ? "" : formatRatio(share);
}

function shownMs(ms: number | undefined): string {
  return ms === undefined ? "no result" : `${formatFigure(ms)} ms`;
}
