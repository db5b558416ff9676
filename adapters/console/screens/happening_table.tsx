import type { JSX } from "hono/jsx/jsx-runtime";
import type { Happening } from "../measures/happenings.ts";
import { ActorName, Badge, Duration, Empty, MessageId, Time, type Tone } from "../parts/parts.tsx";
import { type Column, Table } from "../parts/table.tsx";

const tones: Readonly<Record<Happening["type"], Tone>> = {
  accepted: "quiet",
  started: "quiet",
  done: "good",
  failed: "bad",
  retrying: "warn",
  cancelled: "quiet",
  dead: "bad",
};

/** What happened, as a word. */
export function HappeningBadge({ type }: { type: Happening["type"] }): JSX.Element {
  return <Badge tone={tones[type]} isWord>{type}</Badge>;
}

/** What happened to messages, latest first. */
export function HappeningTable({ happenings, nowMs, without }: {
  happenings: readonly Happening[];
  nowMs: number;
  without?: "actor";
}): JSX.Element {
  if (happenings.length === 0) {
    return <Empty>Nothing yet in this process, since the console listens.</Empty>;
  }
  const columns: Column<Happening>[] = [
    { head: "When", cell: ({ atMs }) => <Time atMs={atMs} nowMs={nowMs} /> },
    { head: "What", cell: ({ type }) => <HappeningBadge type={type} /> },
    ...without === "actor" ? [] : [{ head: "Actor", cell: (one: Happening) => <ActorName actor={one} /> }],
    { head: "Operation", cell: ({ operation }) => <code>{operation}</code> },
    { head: "Waited", isNumber: true, cell: ({ waitedMs }) => <Duration ms={waitedMs} /> },
    { head: "Took", isNumber: true, cell: ({ tookMs }) => <Duration ms={tookMs} /> },
    {
      head: "Message",
      cell: ({ id, note, type }) => (
        <>
          <MessageId id={id} />
          {note !== undefined && <p class={type === "failed" || type === "dead" ? "error" : "none"}>{note}
          </p>}
        </>
      ),
    },
  ];
  return (
    <Table
      caption="Of this process, latest first"
      columns={columns}
      rows={happenings}
      keyOf={({ id, type, atMs, key }) => `${atMs} ${type} ${id} ${key}`}
    />
  );
}
