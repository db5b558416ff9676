import type { JSX } from "hono/jsx/jsx-runtime";
import type { ObservedProtocol } from "../../../runtime/ports/observation.ts";
import { link } from "../links.ts";
import { Act } from "../parts/act.tsx";
import { count } from "../parts/format.ts";
import { Badge, Empty, Time } from "../parts/parts.tsx";
import { type Column, Table } from "../parts/table.tsx";
import type { ScreenRequest } from "../screen.ts";

/** The protocols, each with what waits. */
export function ProtocolTable({ request: { nowMs, mayAct }, protocols, canPause = false }: {
  request: ScreenRequest;
  protocols: readonly ObservedProtocol[];
  /** Whether they can be paused and resumed here. */
  canPause?: boolean;
}): JSX.Element {
  if (protocols.length === 0) return <Empty>There are no actors and no messages yet.</Empty>;
  const columns: Column<ObservedProtocol>[] = [
    {
      head: "Protocol",
      cell: ({ protocol }) => <a class="name" href={link("actors", { protocol })}>{protocol}</a>,
    },
    { head: "State", cell: (protocol) => <ProtocolState protocol={protocol} /> },
    { head: "Actors", isNumber: true, cell: ({ actors }) => count(actors) },
    { head: "Waiting", isNumber: true, cell: ({ waiting }) => count(waiting) },
    { head: "Oldest", isNumber: true, cell: ({ oldestMs }) => <Time atMs={oldestMs} nowMs={nowMs} /> },
    { head: "Failing", isNumber: true, cell: ({ failing }) => count(failing) },
  ];
  if (canPause && mayAct) {
    columns.push({
      head: "Action",
      cell: ({ protocol, paused }) => (
        <Act action={paused ? "resume" : "pause"} values={{ protocol }}>
          {paused ? "Resume" : "Pause"}
          <span class="hidden">{` ${protocol}`}</span>
        </Act>
      ),
    });
  }
  return (
    <Table
      caption="Of all instances"
      columns={columns}
      rows={protocols}
      keyOf={({ protocol }) => protocol}
    />
  );
}

/** Whether the actors of a protocol work. */
export function ProtocolState({ protocol: { hosted, paused, waiting } }: {
  protocol: ObservedProtocol;
}): JSX.Element {
  if (paused) return <Badge tone="warn">paused</Badge>;
  if (hosted) return <Badge tone="good">hosted</Badge>;
  return <Badge tone={waiting.count > 0 ? "warn" : "quiet"}>nobody hosts it</Badge>;
}
