import type { ObservedActor } from "../../../runtime/ports/observation.ts";
import { count } from "../parts/format.ts";
import { ActorName, Empty, Pager } from "../parts/parts.tsx";
import { type Column, Table } from "../parts/table.tsx";
import type { Screen } from "../screen.ts";
import { Retry } from "./actor.tsx";
import { pageOf, parameter } from "./page_of.ts";
import { Unreadable } from "./unreadable.tsx";

/** The actors whose first message has failed and is tried again. */
export const failing: Screen = {
  page: "failing",
  nav: "Failing",
  async view(request) {
    const protocol = parameter(request, "protocol");
    const options = pageOf(request);
    const page = await request.system.observe.failing({
      ...protocol !== undefined && { protocol },
      ...options,
    });
    const columns: Column<ObservedActor>[] = [
      { head: "Actor", cell: (actor) => <ActorName actor={actor} /> },
      { head: "Attempts", cell: ({ retry }) => <Retry retry={retry} nowMs={request.nowMs} /> },
      { head: "Waiting", isNumber: true, cell: ({ waiting }) => count(waiting) },
    ];
    return {
      title: protocol === undefined ? "Failing" : `Failing of ${protocol}`,
      lead: "Actors whose first message has failed and is tried again. What waits behind it waits, too.",
      regions: [{
        id: "list",
        live: "follow",
        content: (
          <>
            {page.items.length === 0
              ? (
                <Empty>
                  {page.next === undefined ? "None fails." : "None on this page. The next may have some."}
                </Empty>
              )
              : (
                <Table
                  caption="By protocol and key"
                  columns={columns}
                  rows={page.items}
                  keyOf={({ protocol, key }) => `${protocol}/${key}`}
                />
              )}
            <Unreadable page={page} />
            <Pager page="failing" parameters={{ protocol }} after={options.after} next={page.next} />
          </>
        ),
      }],
    };
  },
};
