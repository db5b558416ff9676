import type { JSX } from "hono/jsx/jsx-runtime";
import type { When } from "../../../runtime/language/when.ts";
import type { ObservedSchedule } from "../../../runtime/ports/observation.ts";
import { Confirm } from "../parts/act.tsx";
import { duration, isoTime } from "../parts/format.ts";
import { ActorName, Badge, Time } from "../parts/parts.tsx";
import { type Column, Table } from "../parts/table.tsx";
import type { ScreenRequest } from "../screen.ts";

/** Schedules and delayed messages. */
export function ScheduleTable({ schedules, request: { nowMs, mayAct }, without }: {
  schedules: readonly ObservedSchedule[];
  request: ScreenRequest;
  without?: "actor";
}): JSX.Element {
  const columns: Column<ObservedSchedule>[] = [
    {
      head: "Name",
      cell: ({ name, fault }) => (
        <>
          {name === undefined ? <Badge tone="quiet">delayed message</Badge> : <code>{name}</code>}
          {fault !== undefined && <p class="error">{fault}</p>}
        </>
      ),
    },
    { head: "Due", cell: ({ dueMs }) => <Time atMs={dueMs} nowMs={nowMs} /> },
    ...without === "actor"
      ? []
      : [{ head: "Actor", cell: ({ actor }: ObservedSchedule) => <ActorName actor={actor} /> }],
    { head: "Repeats", cell: ({ when }) => repeats(when) },
    {
      head: "Sends",
      cell: ({ to }) =>
        to === undefined ? "" : (
          <>
            <ActorName actor={to} />
            <code>{` ${to.operation}`}</code>
          </>
        ),
    },
  ];
  if (mayAct) {
    columns.push({
      head: "Action",
      cell: ({ actor: { protocol, key }, name }) =>
        name === undefined ? "" : (
          <Confirm
            id={`cancel-${protocol}-${key}-${name}`}
            action="cancel-schedule"
            values={{ protocol, key, name }}
            label="Cancel…"
            question={
              <>
                <bdi>{name}</bdi> of <bdi>{`${protocol}/${key}`}</bdi> will not be sent.
              </>
            }
            sure="Cancel the schedule"
          />
        ),
    });
  }
  return (
    <Table
      caption="In the order of time"
      columns={columns}
      rows={schedules}
      keyOf={({ actor, name, dueMs }) => `${actor.protocol} ${actor.key} ${name ?? dueMs}`}
    />
  );
}

function repeats(when: When | undefined): string {
  if (when === undefined) return "";
  if ("everyMs" in when) return `every ${duration(when.everyMs)}`;
  if ("cron" in when) return `${when.cron} ${when.timeZone ?? "UTC"}`;
  return "at" in when ? `once, ${isoTime(when.at.getTime())}` : "once";
}
