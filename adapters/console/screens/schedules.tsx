import { Empty, Pager } from "../parts/parts.tsx";
import type { Screen } from "../screen.ts";
import { pageOf } from "./page_of.ts";
import { ScheduleTable } from "./schedule_table.tsx";
import { Unreadable } from "./unreadable.tsx";

/** What is due, in the order of time. */
export const schedules: Screen = {
  page: "schedules",
  nav: "Schedules",
  async view(request) {
    const options = pageOf(request);
    const page = await request.system.observe.schedules(options);
    return {
      title: "Schedules",
      lead: "Schedules of actors, and messages that were sent with a delay.",
      regions: [
        {
          id: "list",
          live: "hold",
          content: (
            <>
              {page.items.length === 0
                ? <Empty>Nothing is scheduled.</Empty>
                : <ScheduleTable schedules={page.items} request={request} />}
              <Unreadable page={page} />
              <Pager page="schedules" after={options.after} next={page.next} />
            </>
          ),
        },
      ],
    };
  },
};
