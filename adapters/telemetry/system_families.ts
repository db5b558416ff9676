import type { StoreHealth, TransportHealth } from "../../runtime/ports/health.ts";
import type { LaneStats, ProtocolStats, Stats } from "../../runtime/ports/stats.ts";
import type { Family, Labels } from "./exposition.ts";

const storeStatuses: readonly StoreHealth["status"][] = [
  "durable",
  "unverified",
  "volatile",
  "opening",
  "unavailable",
];

const transportStatuses: readonly TransportHealth["status"][] = [
  "connected",
  "connecting",
  "blocked",
  "refused",
];

/** The counters and the health of a system as metrics. */
export function systemFamilies(
  stats: Stats,
  store?: StoreHealth,
  transport?: TransportHealth,
): readonly Family[] {
  const unhosted = Object.entries(stats.unhosted ?? {});
  return [
    counter("accepted_total", "Messages accepted", stats.accepted),
    ...protocolFamilies(Object.entries(stats.protocols)),
    counter("cancelled_total", "Messages that were taken back", stats.cancelled),
    counter("late_replies_total", "Replies that arrived after their survey had ended", stats.lateReplies),
    gauge("delayed", "Messages that wait until they are due", [[{}, stats.delayed]]),
    gauge("running", "Turns that await a promise", [[{}, stats.running]]),
    ...unhosted.length === 0 ? [] : [
      gauge(
        "waiting_unhosted",
        "Messages in the store for protocols that no living instance hosts",
        unhosted.map(([protocol, { waiting }]) => [{ protocol }, waiting]),
      ),
    ],
    ...store === undefined ? [] : storeFamilies(store),
    ...transport === undefined ? [] : transportFamilies(transport, Object.entries(stats.outbox ?? {})),
  ];
}

function protocolFamilies(protocols: readonly (readonly [string, ProtocolStats])[]): readonly Family[] {
  const each = (pick: (protocol: ProtocolStats) => number) =>
    protocols.map(([protocol, stats]): readonly [Labels, number] => [{ protocol }, pick(stats)]);
  const limited = protocols.flatMap(([protocol, { turns }]): (readonly [Labels, number])[] =>
    turns === undefined ? [] : [[{ protocol }, turns.waiting]]
  );
  return [
    {
      type: "counter",
      name: "done_total",
      help: "Messages whose turn committed",
      samples: each(({ done }) => done),
    },
    gauge("waiting", "Messages in mailboxes", each(({ waiting }) => waiting)),
    gauge("actors", "Actors that are active or whose state is kept", each(({ actors }) => actors)),
    ...limited.length === 0 ? [] : [
      gauge("actors_waiting", "Actors that wait because of the concurrency of their protocol", limited),
    ],
  ];
}

function storeFamilies({ name: store, status }: StoreHealth): readonly Family[] {
  const available = status !== "unavailable" && status !== "opening";
  return [
    gauge("store_available", "Whether the store accepts commits", [[{ store }, Number(available)]]),
    gauge(
      "store_status",
      "The status of the store: 1 for the one that it has",
      storeStatuses.map((one) => [{ store, status: one }, Number(one === status)]),
    ),
  ];
}

function transportFamilies(
  { name: transport, status, tenures = 0 }: TransportHealth,
  outbox: readonly (readonly [string, LaneStats])[],
): readonly Family[] {
  return [
    gauge("transport_connected", "Whether the broker takes messages", [
      [{ transport }, Number(status === "connected")],
    ]),
    gauge(
      "transport_status",
      "The status of the transport: 1 for the one that it has",
      transportStatuses.map((one) => [{ transport, status: one }, Number(one === status)]),
    ),
    gauge("transport_tenures", "Shards of the broker that are read", [[{ transport }, tenures]]),
    ...outbox.length === 0 ? [] : [
      gauge(
        "outbox_waiting",
        "Messages in the store that wait to be sent to other services",
        outbox.map(([lane, { waiting }]) => [{ lane }, waiting]),
      ),
      gauge(
        "outbox_oldest_seconds",
        "How long the oldest of them has waited",
        outbox.map(([lane, { oldestMs = 0 }]) => [{ lane }, oldestMs / 1_000]),
      ),
    ],
  ];
}

function counter(name: string, help: string, value: number): Family {
  return { type: "counter", name, help, samples: [[{}, value]] };
}

function gauge(name: string, help: string, samples: readonly (readonly [Labels, number])[]): Family {
  return { type: "gauge", name, help, samples };
}
