import type { StoreHealth, TransportHealth } from "../../runtime/ports/health.ts";
import type { LaneStats, Stats } from "../../runtime/ports/stats.ts";

/** The counters of a system in the Prometheus text format. */
export function metricsText(stats: Stats, store?: StoreHealth, transport?: TransportHealth): string {
  const protocols = Object.entries(stats.protocols);
  const limited = protocols.filter(([, { turns }]) => turns !== undefined);
  const unhosted = Object.entries(stats.unhosted ?? {});
  const each = (pick: (protocol: Stats["protocols"][string]) => number) =>
    protocols.map(([name, protocol]): Sample => [labels("protocol", name), pick(protocol)]);
  return [
    metric("accepted_total", "counter", "Messages accepted", [["", stats.accepted]]),
    metric("done_total", "counter", "Messages whose turn committed", each((protocol) => protocol.done)),
    metric("dead_total", "counter", "Messages that became dead letters", [["", stats.dead]]),
    metric("cancelled_total", "counter", "Messages that were taken back", [["", stats.cancelled]]),
    metric("late_replies_total", "counter", "Replies that arrived after their survey had ended", [
      ["", stats.lateReplies],
    ]),
    metric("waiting", "gauge", "Messages in mailboxes", each((protocol) => protocol.waiting)),
    metric("delayed", "gauge", "Messages that wait until they are due", [["", stats.delayed]]),
    metric("running", "gauge", "Turns that await a promise", [["", stats.running]]),
    metric(
      "actors",
      "gauge",
      "Actors that are active or whose state is kept",
      each((protocol) => protocol.actors),
    ),
    ...limited.length === 0 ? [] : [
      metric(
        "actors_waiting",
        "gauge",
        "Actors that wait because of the concurrency of their protocol",
        limited.map(([name, { turns }]): Sample => [labels("protocol", name), turns!.waiting]),
      ),
    ],
    ...unhosted.length === 0 ? [] : [
      metric(
        "waiting_unhosted",
        "gauge",
        "Messages in the store for protocols that no living instance hosts",
        unhosted.map(([name, { waiting }]): Sample => [labels("protocol", name), waiting]),
      ),
    ],
    ...store === undefined ? [] : [
      metric("store_available", "gauge", "Whether the store accepts commits", [
        [labels("store", store.name), store.status === "unavailable" || store.status === "opening" ? 0 : 1],
      ]),
    ],
    ...transport === undefined ? [] : transportMetrics(transport, Object.entries(stats.outbox ?? {})),
  ].join("");
}

function transportMetrics(
  { name, status, tenures = 0 }: TransportHealth,
  outbox: readonly (readonly [string, LaneStats])[],
): readonly string[] {
  const own = labels("transport", name);
  return [
    metric("transport_connected", "gauge", "Whether the broker takes messages", [[
      own,
      status === "connected" ? 1 : 0,
    ]]),
    metric("transport_tenures", "gauge", "Shards of the broker that are read", [[own, tenures]]),
    ...outbox.length === 0 ? [] : [
      metric(
        "outbox_waiting",
        "gauge",
        "Messages in the store that wait to be sent to other services",
        outbox.map(([lane, { waiting }]): Sample => [labels("lane", lane), waiting]),
      ),
      metric(
        "outbox_oldest_seconds",
        "gauge",
        "How long the oldest of them has waited",
        outbox.map(([lane, { oldestMs = 0 }]): Sample => [labels("lane", lane), oldestMs / 1_000]),
      ),
    ],
  ];
}

type Sample = readonly [labels: string, value: number];

/** A label in the Prometheus text format, with the value escaped. */
function labels(name: string, value: string): string {
  const escaped = value.replace(/[\\"]/g, "\\$&").replace(/\n/g, "\\n");
  return `{${name}="${escaped}"}`;
}

function metric(name: string, type: "counter" | "gauge", help: string, samples: readonly Sample[]): string {
  const full = `posthorn_${name}`;
  const lines = samples.map(([labels, value]) => `${full}${labels} ${value}\n`);
  return `# HELP ${full} ${help}\n# TYPE ${full} ${type}\n${lines.join("")}`;
}
