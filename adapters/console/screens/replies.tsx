import type { JSX } from "hono/jsx/jsx-runtime";
import type { ObservedReply } from "../../../runtime/ports/observation.ts";
import { link } from "../links.ts";
import { Confirm } from "../parts/act.tsx";
import { ActorName, Badge, Empty, Pager, Time, type Tone } from "../parts/parts.tsx";
import { type Column, Table } from "../parts/table.tsx";
import type { Screen, ScreenRequest } from "../screen.ts";
import { pageOf, parameter } from "./page_of.ts";
import { Unreadable } from "./unreadable.tsx";

const tones: Readonly<Record<ObservedReply["status"], Tone>> = {
  pending: "quiet",
  done: "good",
  failed: "bad",
};

/** The replies to submits: those that are awaited, and those that wait to be collected. */
export const replies: Screen = {
  page: "replies",
  nav: "Replies",
  async view(request) {
    const status = statusOf(parameter(request, "status"));
    const options = pageOf(request);
    const page = await request.system.observe.replies({ ...status !== undefined && { status }, ...options });
    return {
      title: "Replies",
      lead:
        "The replies to submits: those that are awaited, and those that are kept until they are collected.",
      regions: [
        { id: "filter", content: <Statuses current={status} /> },
        {
          id: "list",
          live: "hold",
          content: (
            <>
              {page.items.length === 0
                ? (
                  <Empty>
                    {page.next === undefined
                      ? "There is none."
                      : "None on this page. The next may have some."}
                  </Empty>
                )
                : (
                  <Table
                    caption="By name"
                    columns={columnsFor(request)}
                    rows={page.items}
                    keyOf={({ id }) => id}
                  />
                )}
              <Unreadable page={page} />
              <Pager page="replies" parameters={{ status }} after={options.after} next={page.next} />
            </>
          ),
        },
      ],
    };
  },
};

function statusOf(text: string | undefined): ObservedReply["status"] | undefined {
  return text === "pending" || text === "done" || text === "failed" ? text : undefined;
}

function Statuses({ current }: { current: string | undefined }): JSX.Element {
  return (
    <nav class="acts" aria-label="Kinds of replies">
      {[undefined, "pending", "done", "failed"].map((status) => (
        <a
          class={status === current ? "chip current" : "chip"}
          href={link("replies", { status })}
          aria-current={status === current ? "true" : undefined}
        >
          {status ?? "All"}
        </a>
      ))}
    </nav>
  );
}

function columnsFor({ nowMs, mayAct }: ScreenRequest): Column<ObservedReply>[] {
  const columns: Column<ObservedReply>[] = [
    { head: "Reply", cell: ({ id }) => <span class="id">{id}</span> },
    {
      head: "Status",
      cell: ({ status, later, failure }) => (
        <>
          <Badge tone={tones[status]}>{status}</Badge>
          {later && status === "pending" && <span class="none">the actor answers later</span>}
          {failure !== undefined && <p class="error">{`${failure.code}: ${failure.message}`}</p>}
        </>
      ),
    },
    {
      head: "Asked of",
      cell: ({ actor }) => actor === undefined ? <span class="none">–</span> : <ActorName actor={actor} />,
    },
    { head: "Caller", cell: ({ caller }) => caller === undefined ? "" : <code>{caller}</code> },
    { head: "Kept until", cell: ({ untilMs }) => <Time atMs={untilMs} nowMs={nowMs} /> },
  ];
  if (!mayAct) return columns;
  const action: Column<ObservedReply> = {
    head: "Action",
    cell: ({ id, status, caller }) =>
      status !== "pending" ? "" : (
        <Confirm
          id={`cancel-${id}`}
          action="cancel-request"
          values={{ reply: id, caller }}
          label="Take back…"
          question="The request is taken back, if it is not done yet. Who waits for the reply gets a failure."
          sure="Take the request back"
        />
      ),
  };
  return [...columns, action];
}
