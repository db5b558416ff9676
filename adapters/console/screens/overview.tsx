import type { JSX } from "hono/jsx/jsx-runtime";
import type { Health } from "../../../runtime/ports/health.ts";
import type { DeadLetterGroups, ObservedProtocol } from "../../../runtime/ports/observation.ts";
import { link } from "../links.ts";
import type { Second } from "../measures/series.ts";
import { secondsMax } from "../measures/series.ts";
import { Chart, type Line } from "../parts/chart.tsx";
import { count, counted, duration, number } from "../parts/format.ts";
import { Badge } from "../parts/parts.tsx";
import type { Screen, ScreenRequest } from "../screen.ts";
import { ProtocolTable } from "./protocol_table.tsx";

/** How many protocols the overview shows. */
const protocolsMax = 50;
/** From which age the oldest waiting message is worth a word, in milliseconds. */
const oldMs = 60_000;

/** How much time the charts show, in seconds: as little as holds all that was measured. */
const widths = [60, 120, secondsMax];

/** What goes on, and what needs somebody. */
export const overview: Screen = {
  page: "overview",
  nav: "Overview",
  async view(request) {
    const { system, watch } = request;
    const [protocols, letters, instances] = await Promise.all([
      system.observe.protocols({ limit: protocolsMax }),
      system.observe.deadLetterGroups(),
      system.observe.instances({ limit: 1_000 }),
    ]);
    const seconds = watch.series.seconds;
    return {
      title: "Overview",
      regions: [
        {
          id: "numbers",
          live: "follow",
          content: (
            <Tiles
              seconds={seconds}
              protocols={protocols.items}
              letters={letters}
              instances={`${instances.items.length}${instances.next === undefined ? "" : "+"}`}
            />
          ),
        },
        {
          id: "attention",
          live: "follow",
          content: <Attention request={request} protocols={protocols.items} letters={letters} />,
        },
        { id: "charts", live: "follow", content: <Charts seconds={seconds} /> },
        {
          id: "protocols",
          live: "follow",
          content: (
            <>
              <h2>Protocols</h2>
              <ProtocolTable request={request} protocols={protocols.items} />
              {protocols.next !== undefined && (
                <p class="pager">
                  <a href="./protocols">All protocols</a>
                </p>
              )}
            </>
          ),
        },
      ],
    };
  },
};

function Tiles({ seconds, protocols, letters, instances }: {
  seconds: readonly Second[];
  protocols: readonly ObservedProtocol[];
  letters: DeadLetterGroups;
  instances: string;
}): JSX.Element {
  const waiting = sumOf(protocols.map(({ waiting }) => waiting));
  const failing = sumOf(protocols.map(({ failing }) => failing));
  const dead = letters.groups.reduce((sum, { count }) => sum + count, 0);
  return (
    <dl class="tiles">
      <div>
        <dt>messages waiting</dt>
        <dd>{count(waiting)}</dd>
      </div>
      <div>
        <dt>accepted / s, here</dt>
        <dd>{rateOf(seconds, "accepted")}</dd>
      </div>
      <div>
        <dt>done / s, here</dt>
        <dd>{rateOf(seconds, "done")}</dd>
      </div>
      <div>
        <dt>actors failing</dt>
        <dd>{count(failing)}</dd>
      </div>
      <div>
        <dt>dead letters</dt>
        <dd>{count({ count: dead, more: letters.more })}</dd>
      </div>
      <div>
        <dt>instances</dt>
        <dd>{instances}</dd>
      </div>
    </dl>
  );
}

function sumOf(counts: readonly { readonly count: number; readonly more: boolean }[]) {
  return {
    count: counts.reduce((sum, { count }) => sum + count, 0),
    more: counts.some(({ more }) => more),
  };
}

/** The mean over the last ten seconds. */
function rateOf(seconds: readonly Second[], name: "accepted" | "done"): string {
  const last = seconds.slice(-10);
  return last.length === 0 ? "–" : number(last.reduce((sum, second) => sum + second[name], 0) / last.length);
}

function Attention({ request, protocols, letters }: {
  request: ScreenRequest;
  protocols: readonly ObservedProtocol[];
  letters: DeadLetterGroups;
}): JSX.Element {
  const items = [
    ...ofHealth(request.system.health),
    ...letters.groups.slice(0, 5).map(({ protocol, reason, count }) => (
      <li>
        <Badge tone="bad">dead</Badge>
        <a href={link("dead-letters", { protocol, reason })}>
          {`${counted(count, "dead letter")} of ${protocol}`}
        </a>
        <span class="why">{reason}</span>
      </li>
    )),
    ...protocols.flatMap((protocol) => ofProtocol(protocol, request.nowMs)),
  ];
  return (
    <>
      <h2>Needs attention</h2>
      {items.length === 0
        ? <p class="calm">Nothing. Everything is handled as it comes.</p>
        : <ul class="attention">{items}</ul>}
    </>
  );
}

function ofHealth({ status, reason, store, transport }: Health): JSX.Element[] {
  const found: JSX.Element[] = [];
  if (status !== "running") {
    found.push(
      <li>
        <Badge tone="bad">{status}</Badge>
        <a href="./service">The system does not run</a>
        <span class="why">{reason}</span>
      </li>,
    );
  }
  if (store !== undefined && (store.status === "unavailable" || store.status === "opening")) {
    found.push(
      <li>
        <Badge tone="bad">store</Badge>
        <a href="./service">{`${store.name} is ${store.status}`}</a>
        <span class="why">{store.reason}</span>
      </li>,
    );
  }
  if (transport !== undefined && transport.status !== "connected") {
    found.push(
      <li>
        <Badge tone="bad">broker</Badge>
        <a href="./service">{`${transport.name} is ${transport.status}`}</a>
        <span class="why">{transport.reason}</span>
      </li>,
    );
  }
  return found;
}

function ofProtocol(
  { protocol, hosted, paused, waiting, failing, oldestMs }: ObservedProtocol,
  nowMs: number,
): JSX.Element[] {
  const found: JSX.Element[] = [];
  if (failing.count > 0) {
    found.push(
      <li>
        <Badge tone="warn">failing</Badge>
        <a href={link("failing", { protocol })}>{`${count(failing)} failing of ${protocol}`}</a>
        <span class="why">each is tried again, and what is behind it waits</span>
      </li>,
    );
  }
  if (!hosted && waiting.count > 0) {
    found.push(
      <li>
        <Badge tone="warn">nobody hosts it</Badge>
        <a href={link("actors", { protocol })}>{protocol}</a>
        <span class="why">{`messages waiting: ${count(waiting)}`}</span>
      </li>,
    );
  }
  if (paused) {
    found.push(
      <li>
        <Badge tone="warn">paused</Badge>
        <a href={link("actors", { protocol })}>{protocol}</a>
        <span class="why">{`messages waiting: ${count(waiting)}`}</span>
      </li>,
    );
  } else if (hosted && failing.count === 0 && oldestMs !== undefined && nowMs - oldestMs > oldMs) {
    found.push(
      <li>
        <Badge tone="warn">late</Badge>
        <a href={link("actors", { protocol })}>{protocol}</a>
        <span class="why">{`its oldest message waits for ${duration(nowMs - oldestMs)}`}</span>
      </li>,
    );
  }
  return found;
}

function Charts({ seconds }: { seconds: readonly Second[] }): JSX.Element {
  const line = (name: string, look: Line["look"], pick: (second: Second) => number | undefined): Line => ({
    name,
    look,
    values: seconds.map(pick),
  });
  const shown = widths.find((width) => seconds.length <= width) ?? secondsMax;
  const perSecond = (value: number) => `${number(value)}/s`;
  return (
    <>
      <h2>This process, the last minutes</h2>
      <div class="charts">
        <Chart
          id="rates"
          title="Messages a second"
          seconds={shown}
          say={perSecond}
          lines={[
            line("accepted", "one", ({ accepted }) => accepted),
            line("done", "two", ({ done }) => done),
            line("failed", "three", ({ failed }) => failed),
          ]}
        />
        <Chart
          id="waiting"
          title="Messages waiting"
          seconds={shown}
          say={number}
          lines={[line("waiting", "one", ({ waiting }) => waiting)]}
        />
        <Chart
          id="waits"
          title="Time in the mailbox"
          seconds={shown}
          say={duration}
          lines={[
            line("p50", "one", ({ waitP50Ms }) => waitP50Ms),
            line("p99", "three", ({ waitP99Ms }) => waitP99Ms),
          ]}
        />
        <Chart
          id="turns"
          title="Time of turns"
          seconds={shown}
          say={duration}
          lines={[
            line("p50", "one", ({ turnP50Ms }) => turnP50Ms),
            line("p99", "three", ({ turnP99Ms }) => turnP99Ms),
          ]}
        />
      </div>
      <p class="lead">
        Recorded while a page of the console is open, and for a minute after. Times are those of a sample if
        there are many messages.
      </p>
    </>
  );
}
