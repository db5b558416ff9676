import { Pager } from "../parts/parts.tsx";
import type { Screen } from "../screen.ts";
import { pageOf } from "./page_of.ts";
import { ProtocolTable } from "./protocol_table.tsx";
import { Unreadable } from "./unreadable.tsx";

/** The protocols, which lead to their actors. */
export const protocols: Screen = {
  page: "protocols",
  nav: "Actors",
  async view(request) {
    const options = pageOf(request);
    const page = await request.system.observe.protocols(options);
    return {
      title: "Actors",
      lead: "The protocols of this service. Each leads to its actors.",
      regions: [{
        id: "list",
        live: request.mayAct ? "hold" : "follow",
        content: (
          <>
            <ProtocolTable request={request} protocols={page.items} canPause />
            <Unreadable page={page} />
            <Pager page="protocols" after={options.after} next={page.next} />
          </>
        ),
      }],
    };
  },
};
