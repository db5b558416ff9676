import type { JSX } from "hono/jsx/jsx-runtime";
import type { Health } from "../../../runtime/ports/health.ts";
import type {
  ObservedInstance,
  ObservedLane,
  ObservedOutbox,
  ObservedTenure,
  Page,
} from "../../../runtime/ports/observation.ts";
import { link } from "../links.ts";
import { count } from "../parts/format.ts";
import { Badge, Empty, Pager, Time } from "../parts/parts.tsx";
import { type Column, Table } from "../parts/table.tsx";
import type { Screen } from "../screen.ts";
import { pageOf } from "./page_of.ts";
import { ProtocolTable } from "./protocol_table.tsx";
import { Unreadable } from "./unreadable.tsx";

/** The instances, the store, the broker, and the mail that nobody hosts. */
export const service: Screen = {
  page: "service",
  nav: "Service",
  async view(request) {
    const { system: { observe, health }, nowMs } = request;
    const options = pageOf(request);
    const [instances, unhosted, outbox, tenures] = await Promise.all([
      observe.instances(options),
      observe.unhosted({ limit: 50 }),
      observe.outbox({ limit: 50 }),
      observe.tenures({ limit: 50 }),
    ]);
    return {
      title: "Service",
      lead: "The processes that share the store, and what they stand on.",
      regions: [
        { id: "health", live: "follow", content: <HealthFacts health={health} /> },
        {
          id: "instances",
          live: "follow",
          content: (
            <>
              <h2>Instances</h2>
              <Table
                caption="By name"
                columns={instanceColumns(nowMs)}
                rows={instances.items}
                keyOf={({ instance }) => instance}
              />
              <Pager page="service" after={options.after} next={instances.next} />
            </>
          ),
        },
        {
          id: "unhosted",
          live: "follow",
          content: (
            <>
              <h2>Mail that nobody hosts</h2>
              {unhosted.items.length === 0
                ? <Empty>There is none.</Empty>
                : <ProtocolTable request={request} protocols={unhosted.items} />}
            </>
          ),
        },
        ...outbox === undefined && !hasAny(tenures) ? [] : [
          {
            id: "outbox",
            live: "follow",
            content: (
              <>
                <h2>To other services</h2>
                <Outbox outbox={outbox} nowMs={nowMs} />
                <Tenures tenures={tenures} nowMs={nowMs} />
              </>
            ),
          } as const,
        ],
      ],
    };
  },
};

/** How the system is, its store and its broker. */
export function HealthFacts(
  { health: { status, reason, store, transport, broken = [] } }: { health: Health },
): JSX.Element {
  return (
    <>
      <dl class="tiles">
        <div>
          <dt>this process</dt>
          <dd>
            <Badge tone={status === "running" ? "good" : "bad"}>{status}</Badge>
          </dd>
        </div>
        <div>
          <dt>{store === undefined ? "store" : `store ${store.name}`}</dt>
          <dd>
            {store === undefined ? <Badge tone="quiet">none: in memory</Badge> : (
              <Badge
                tone={store.status === "durable" ? "good" : store.status === "unavailable" ? "bad" : "warn"}
              >
                {store.status}
              </Badge>
            )}
          </dd>
        </div>
        {transport !== undefined && (
          <div>
            <dt>{`transport ${transport.name}`}</dt>
            <dd>
              <Badge tone={transport.status === "connected" ? "good" : "bad"}>{transport.status}</Badge>
            </dd>
          </div>
        )}
      </dl>
      {[reason, store?.reason, transport?.reason].filter((text) => text !== undefined).map((text) => (
        <p class="lead">{text}</p>
      ))}
      {broken.length > 0 && (
        <>
          <h2>Actors that cannot begin</h2>
          <ul>
            {broken.map(({ protocol, key, reason }) => (
              <li>
                <a class="name" href={link("actor", { protocol, key })}>{`${protocol}/${key}`}</a>
                <span class="error">{` ${reason}`}</span>
              </li>
            ))}
          </ul>
        </>
      )}
    </>
  );
}

function instanceColumns(nowMs: number): Column<ObservedInstance>[] {
  return [
    {
      head: "Instance",
      cell: ({ instance, own }) => (
        <>
          <code>{instance}</code>
          {own && <Badge tone="good">this process</Badge>}
        </>
      ),
    },
    { head: "Last heard of", cell: ({ atMs }) => <Time atMs={atMs} nowMs={nowMs} /> },
    {
      head: "Hosts",
      cell: ({ hosts }) =>
        hosts === undefined
          ? <span class="none">too many to be told</span>
          : hosts.length === 0
          ? <span class="none">nothing</span>
          : <code>{hosts.join(", ")}</code>,
    },
  ];
}

function Outbox(
  { outbox: { transport, lanes } = { lanes: { items: [] } }, nowMs }: {
    outbox: ObservedOutbox | undefined;
    nowMs: number;
  },
): JSX.Element {
  const columns: Column<ObservedLane>[] = [
    { head: "Lane", cell: ({ lane }) => <code>{lane}</code> },
    { head: "Waiting", isNumber: true, cell: ({ waiting }) => count(waiting) },
    { head: "Oldest", cell: ({ oldestMs }) => <Time atMs={oldestMs} nowMs={nowMs} /> },
  ];
  return (
    <>
      {transport?.tenures !== undefined && (
        <p class="lead">{`This process reads ${transport.tenures} shards of the broker.`}</p>
      )}
      {lanes.items.length === 0 ? <Empty>Nothing waits to be sent.</Empty> : (
        <Table
          caption="Messages that wait to be sent, by lane"
          columns={columns}
          rows={lanes.items}
          keyOf={({ lane }) => lane}
        />
      )}
      {lanes.next !== undefined && <p class="lead">There are more lanes.</p>}
    </>
  );
}

function Tenures(
  { tenures, nowMs }: { tenures: Page<ObservedTenure>; nowMs: number },
): JSX.Element | null {
  if (!hasAny(tenures)) return null;
  const columns: Column<ObservedTenure>[] = [
    { head: "Channel", cell: ({ channel }) => <code>{channel}</code> },
    { head: "Shard", cell: ({ shard }) => <code>{shard}</code> },
    { head: "Read by", cell: ({ instance }) => <code>{instance}</code> },
    { head: "Last accepted", cell: ({ acceptedMs }) => <Time atMs={acceptedMs} nowMs={nowMs} /> },
  ];
  return (
    <>
      {tenures.items.length > 0 && (
        <Table
          caption="Shards of the broker, by channel"
          columns={columns}
          rows={tenures.items}
          keyOf={({ channel, shard }) => `${channel} ${shard}`}
        />
      )}
      <Unreadable page={tenures} />
      {tenures.next !== undefined && <p class="lead">There are more shards.</p>}
    </>
  );
}

function hasAny({ items, unreadable = 0 }: Page<ObservedTenure>): boolean {
  return items.length + unreadable > 0;
}
