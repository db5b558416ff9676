import type { JSX } from "hono/jsx/jsx-runtime";
import type { ObservedTopic } from "../../../runtime/ports/observation.ts";
import { count } from "../parts/format.ts";
import { ActorName, Empty, Pager } from "../parts/parts.tsx";
import { type Column, Table } from "../parts/table.tsx";
import type { Screen } from "../screen.ts";
import { pageOf } from "./page_of.ts";
import { Unreadable } from "./unreadable.tsx";

/** Who follows which event, and how far behind they are. */
export const topics: Screen = {
  page: "topics",
  nav: "Topics",
  async view(request) {
    const options = pageOf(request);
    const page = await request.system.observe.topics(options);
    return {
      title: "Topics",
      lead:
        "The events that somebody subscribes to or whose log is kept. The lag is how many messages wait for subscribers.",
      regions: [{
        id: "list",
        live: "follow",
        content: (
          <>
            {page.items.length === 0
              ? <Empty>Nobody subscribes to anything.</Empty>
              : <Table caption="By name" columns={columns} rows={page.items} keyOf={({ topic }) => topic} />}
            <Unreadable page={page} />
            <Pager page="topics" after={options.after} next={page.next} />
          </>
        ),
      }],
    };
  },
};

const columns: readonly Column<ObservedTopic>[] = [
  { head: "Topic", cell: ({ topic }) => <code>{topic}</code> },
  { head: "Subscribers", isNumber: true, cell: ({ subscribers }) => count(subscribers) },
  { head: "Lag", isNumber: true, cell: ({ lag }) => count(lag) },
  { head: "Events kept", isNumber: true, cell: ({ events }) => count(events) },
  { head: "Who", cell: (topic) => <Subscribers topic={topic} /> },
];

function Subscribers(
  { topic: { topic, firstSubscribers, subscribers } }: { topic: ObservedTopic },
): JSX.Element {
  if (firstSubscribers.length === 0) return <span class="none">nobody</span>;
  const list = (
    <ul class="step">
      {firstSubscribers.map((to) => (
        <li>
          <ActorName actor={to} />
          <code>{` ${to.operation}`}</code>
        </li>
      ))}
    </ul>
  );
  if (firstSubscribers.length <= 3) return list;
  const isAll = !subscribers.more && subscribers.count === firstSubscribers.length;
  return (
    <details id={`who-${topic}`}>
      <summary>{isAll ? `All ${firstSubscribers.length}` : `The first ${firstSubscribers.length}`}</summary>
      {list}
    </details>
  );
}
