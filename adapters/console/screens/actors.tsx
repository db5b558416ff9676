import type { JSX } from "hono/jsx/jsx-runtime";
import type { ObservedActor } from "../../../runtime/ports/observation.ts";
import { count, duration } from "../parts/format.ts";
import { ActorName, Badge, Empty, Opened, Pager, Time } from "../parts/parts.tsx";
import { type Column, Table } from "../parts/table.tsx";
import type { Screen } from "../screen.ts";
import { pageOf, parameter } from "./page_of.ts";
import { Unreadable } from "./unreadable.tsx";

/** The actors of a protocol, found by the beginning of their keys. */
export const actors: Screen = {
  page: "actors",
  under: "protocols",
  async view(request) {
    const protocol = parameter(request, "protocol");
    if (protocol === undefined) return undefined;
    const prefix = parameter(request, "prefix");
    const waiting = parameter(request, "waiting") !== undefined;
    const options = pageOf(request);
    const page = await request.system.observe.actors({
      protocol,
      ...prefix !== undefined && { prefix },
      ...waiting && { waiting },
      ...options,
    });
    return {
      title: `Actors of ${protocol}`,
      heading: (
        <>
          Actors of <code>{protocol}</code>
        </>
      ),
      regions: [
        { id: "filter", content: <Filter protocol={protocol} prefix={prefix} waiting={waiting} /> },
        {
          id: "list",
          live: "follow",
          content: (
            <>
              {page.items.length === 0
                ? (
                  <Empty>
                    {page.next !== undefined
                      ? "None on this page. The next page may have some."
                      : prefix === undefined && !waiting
                      ? "It has no actors yet."
                      : "No actor is like that."}
                  </Empty>
                )
                : (
                  <Table
                    caption="In the order of their keys"
                    columns={columnsAt(request.nowMs)}
                    rows={page.items}
                    keyOf={({ key }) => key}
                  />
                )}
              <Unreadable page={page} />
              <Pager
                page="actors"
                parameters={{ protocol, prefix, waiting: waiting ? "1" : undefined }}
                after={options.after}
                next={page.next}
              />
            </>
          ),
        },
      ],
    };
  },
};

/** The columns of a list of actors. */
export function columnsAt(nowMs: number): Column<ObservedActor>[] {
  return [
    { head: "Actor", cell: (actor) => <ActorName actor={actor} /> },
    { head: "Waiting", isNumber: true, cell: ({ waiting }) => count(waiting) },
    {
      head: "Oldest",
      isNumber: true,
      cell: ({ oldestMs }) =>
        oldestMs === undefined
          ? <Time atMs={undefined} nowMs={nowMs} />
          : duration(Math.max(0, nowMs - oldestMs)),
    },
    {
      head: "Failing",
      cell: ({ retry }) =>
        retry === undefined ? "" : <Badge tone="warn">{`attempt ${retry.attempts}`}</Badge>,
    },
    { head: "State", cell: (actor) => <State actor={actor} /> },
  ];
}

function State({ actor: { protocol, key, state, fault } }: { actor: ObservedActor }): JSX.Element {
  if (fault !== undefined) return <span class="error">{fault}</span>;
  if (state === undefined) return <span class="none">none</span>;
  return <Opened text={state} id={`state-${protocol}-${key}`} label={`Beginning of the state of ${key}`} />;
}

function Filter({ protocol, prefix, waiting }: {
  protocol: string;
  prefix: string | undefined;
  waiting: boolean;
}): JSX.Element {
  return (
    <form class="filter" action="./actors">
      <input type="hidden" name="protocol" value={protocol} />
      <label>
        Key begins with
        <input type="search" name="prefix" value={prefix ?? ""} autocomplete="off" />
      </label>
      <label>
        Which
        <select name="waiting">
          <option value="">all actors</option>
          <option value="1" selected={waiting}>actors with messages that wait</option>
        </select>
      </label>
      <button type="submit">Find</button>
    </form>
  );
}
