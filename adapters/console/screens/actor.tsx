import type { JSX } from "hono/jsx/jsx-runtime";
import type {
  ObservedActorDetails,
  ObservedMessage,
  ObservedRetry,
} from "../../../runtime/ports/observation.ts";
import { link } from "../links.ts";
import { Act, Confirm } from "../parts/act.tsx";
import { count } from "../parts/format.ts";
import { Badge, Code, Empty, MessageId, Opened, Time } from "../parts/parts.tsx";
import { type Column, Table } from "../parts/table.tsx";
import type { Screen, ScreenRequest } from "../screen.ts";
import { HappeningTable } from "./happening_table.tsx";
import { parameter } from "./page_of.ts";
import { ScheduleTable } from "./schedule_table.tsx";

/** One actor: its state, what waits for it, what it has set, and what happened to it. */
export const actor: Screen = {
  page: "actor",
  under: "protocols",
  async view(request) {
    const protocol = parameter(request, "protocol");
    const key = parameter(request, "key");
    if (protocol === undefined || key === undefined) return undefined;
    const found = await request.system.observe.actor({ protocol, key });
    const heading = (
      <>
        <span class="protocol">{protocol}/</span>
        {key}
      </>
    );
    const lead = <a href={link("actors", { protocol })}>{`All actors of ${protocol}`}</a>;
    const happened = request.watch.happenings.latest(
      50,
      (one) => one.protocol === protocol && one.key === key,
    );
    const history = {
      id: "history",
      live: "follow",
      content: (
        <>
          <h2>What happened to it</h2>
          <HappeningTable happenings={happened} nowMs={request.nowMs} without="actor" />
        </>
      ),
    } as const;
    if (found === undefined) {
      return {
        title: `${protocol}/${key}`,
        heading,
        lead,
        regions: [
          {
            id: "nothing",
            content: (
              <Empty>Nothing is known of this actor: it has no state, and no message waits for it.</Empty>
            ),
          },
          history,
        ],
      };
    }
    return {
      title: `${protocol}/${key}`,
      heading,
      lead,
      regions: [
        { id: "facts", live: "follow", content: <Facts actor={found} nowMs={request.nowMs} /> },
        { id: "state", live: "follow", content: <State actor={found} /> },
        { id: "messages", live: "follow", content: <Messages actor={found} nowMs={request.nowMs} /> },
        { id: "kept", live: "hold", content: <Kept actor={found} request={request} /> },
        history,
        { id: "actions", content: <Actions actor={found} request={request} /> },
      ],
    };
  },
};

function Facts({ actor: { waiting, messages, paused, stateVersion }, nowMs }: {
  actor: ObservedActorDetails;
  nowMs: number;
}): JSX.Element {
  const retry = messages[0]?.retry;
  return (
    <dl class="tiles">
      <div>
        <dt>messages waiting</dt>
        <dd>{count(waiting)}</dd>
      </div>
      <div>
        <dt>oldest accepted</dt>
        <dd>
          <Time atMs={messages[0]?.acceptedMs} nowMs={nowMs} />
        </dd>
      </div>
      <div>
        <dt>its first message</dt>
        <dd>
          {paused
            ? <Badge tone="warn">paused</Badge>
            : retry !== undefined
            ? <Badge tone="warn">{`failed ${retry.attempts} ×`}</Badge>
            : <Badge tone="good">{waiting.count === 0 ? "none waits" : "will be handled"}</Badge>}
        </dd>
      </div>
      {stateVersion !== undefined && (
        <div>
          <dt>version of its state</dt>
          <dd>{stateVersion}</dd>
        </div>
      )}
    </dl>
  );
}

function State({ actor: { state, fault } }: { actor: ObservedActorDetails }): JSX.Element {
  return (
    <>
      <h2>State</h2>
      {fault !== undefined && <p class="error">{fault}</p>}
      {state === undefined ? <Empty>It has none.</Empty> : <Code text={indented(state)} label="State" />}
    </>
  );
}

/** How much indentation a state may have, in UTF-16 units: that of a small one that is deep can be a thousand times as long. */
const indentationMax = 200_000;

/** JSON with a line for each of its parts; other text, and what would be mostly indentation, as it is. */
function indented(text: string): string {
  try {
    const value: unknown = JSON.parse(text);
    return indentationOf(text) <= indentationMax ? JSON.stringify(value, null, 2) : text;
  } catch {
    return text; // it was cut, or is no JSON
  }
}

/** How much indentation JSON gets, at most. */
function indentationOf(json: string): number {
  let [depth, sum] = [0, 0];
  for (const character of json.replace(/"(?:[^"\\]|\\.)*"/g, "")) {
    if (character === "[" || character === "{") depth++;
    else if (character === "]" || character === "}") depth--;
    else if (character !== ",") continue;
    sum += 2 * depth; // a line begins
  }
  return sum;
}

function Messages({ actor, nowMs }: { actor: ObservedActorDetails; nowMs: number }): JSX.Element {
  const { messages, waiting } = actor;
  const columns: Column<readonly [ObservedMessage, number]>[] = [
    { head: "Operation", cell: ([{ operation }]) => <code>{operation}</code> },
    { head: "Accepted", cell: ([{ acceptedMs }]) => <Time atMs={acceptedMs} nowMs={nowMs} /> },
    { head: "Attempts", cell: ([{ retry }]) => <Retry retry={retry} nowMs={nowMs} /> },
    {
      head: "Payload",
      cell: ([{ payload, fault }, index]) => (
        <>
          {fault !== undefined && <p class="error">{fault}</p>}
          <Opened text={payload} id={`payload-${index}`} label="Payload" />
        </>
      ),
    },
    {
      head: "Message",
      cell: ([{ id, correlationId }]) =>
        id === undefined
          ? <span class="none">in memory</span>
          : <MessageId id={id} of={correlationId ?? id} />,
    },
  ];
  return (
    <>
      <h2>Messages that wait</h2>
      {messages.length === 0 ? <Empty>None waits.</Empty> : (
        <Table
          caption={messages.length < waiting.count || waiting.more
            ? `The first ${messages.length} of ${count(waiting)}`
            : "In the order in which they are handled"}
          columns={columns}
          rows={messages.map((message, index) => [message, index] as const)}
          keyOf={([{ id }, index]) => id ?? String(index)}
        />
      )}
    </>
  );
}

/** How often something was tried, when it is tried again, and why it failed. */
export function Retry({ retry, nowMs }: { retry: ObservedRetry | undefined; nowMs: number }): JSX.Element {
  if (retry === undefined) return <span class="none">none failed</span>;
  const { attempts, nextMs, error } = retry;
  return (
    <>
      {`${attempts}, next `}
      {nextMs === undefined ? "under way" : <Time atMs={nextMs} nowMs={nowMs} />}
      {error !== undefined && <p class="error">{error}</p>}
    </>
  );
}

function Kept({ actor, request }: { actor: ObservedActorDetails; request: ScreenRequest }): JSX.Element {
  const { schedules, subscriptions } = actor;
  return (
    <>
      <h2>Schedules</h2>
      {schedules.length === 0
        ? <Empty>It has none.</Empty>
        : <ScheduleTable schedules={schedules} request={request} without="actor" />}
      {subscriptions.length > 0 && (
        <>
          <h2>Subscribes to</h2>
          <ul>
            {subscriptions.map((topic) => (
              <li>
                <code>{topic}</code>
              </li>
            ))}
          </ul>
        </>
      )}
    </>
  );
}

function Actions({ actor: { protocol, key }, request: { mayAct } }: {
  actor: ObservedActorDetails;
  request: ScreenRequest;
}): JSX.Element | null {
  if (!mayAct) return null;
  return (
    <>
      <h2>Actions</h2>
      <div class="acts">
        <Act action="passivate" values={{ protocol, key }}>Passivate</Act>
        <Confirm
          id="erase"
          action="erase"
          values={{ protocol, key }}
          label="Erase…"
          question={`Its state, schedules and subscriptions are lost. Messages that wait are handled with a new state.`}
          sure={
            <>
              Erase <bdi>{`${protocol}/${key}`}</bdi>
            </>
          }
        />
      </div>
    </>
  );
}
