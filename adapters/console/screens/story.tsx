import type { JSX } from "hono/jsx/jsx-runtime";
import type { StoryStep } from "../measures/happenings.ts";
import { duration } from "../parts/format.ts";
import { ActorName, Duration, Empty } from "../parts/parts.tsx";
import { type Column, Table } from "../parts/table.tsx";
import type { Screen } from "../screen.ts";
import { HappeningBadge } from "./happening_table.tsx";
import { parameter } from "./page_of.ts";

/** How many messages of a chain are shown. */
const stepsMax = 200;

/** What became of one message, and of all that it led to. */
export const story: Screen = {
  page: "story",
  under: "activity",
  view(request) {
    const id = parameter(request, "id");
    if (id === undefined) return Promise.resolve(undefined);
    const steps = request.watch.happenings.story(id);
    return Promise.resolve({
      title: `Story of ${id}`,
      heading: (
        <>
          Story of <code>{id}</code>
        </>
      ),
      lead: "A message and what it led to, as far as this process has seen it since the console listens.",
      regions: [{
        id: "list",
        live: "follow",
        content: steps.length === 0
          ? (
            <Empty>
              This process has not seen it since the console listens. It may have been handled before, or by
              another instance.
            </Empty>
          )
          : <Steps steps={steps} />,
      }],
    });
  },
};

function Steps({ steps }: { steps: readonly StoryStep[] }): JSX.Element {
  const times = steps.flatMap(({ happenings }) => happenings.map(({ atMs }) => atMs));
  const fromMs = Math.min(...times.slice(0, 10_000));
  const toMs = Math.max(fromMs + 1, ...times.slice(0, 10_000));
  const columns: Column<StoryStep>[] = [
    {
      head: "Message",
      cell: (step) => (
        <>
          <span class="none" aria-hidden="true">
            {"\u00a0\u00a0".repeat(Math.min(step.depth, 12))}
            {step.depth > 0 ? "└ " : ""}
          </span>
          <Receiver step={step} />
        </>
      ),
    },
    { head: "Outcome", cell: ({ happenings }) => <HappeningBadge type={happenings.at(-1)!.type} /> },
    {
      head: "Waited",
      isNumber: true,
      cell: ({ happenings }) => (
        <Duration ms={happenings.find(({ waitedMs }) => waitedMs !== undefined)?.waitedMs} />
      ),
    },
    {
      head: "Took",
      isNumber: true,
      cell: ({ happenings }) => (
        <Duration ms={happenings.findLast(({ tookMs }) => tookMs !== undefined)?.tookMs} />
      ),
    },
    {
      head: `Over ${duration(toMs - fromMs)}`,
      cell: ({ happenings }) => <Bar happenings={happenings} fromMs={fromMs} toMs={toMs} />,
    },
    {
      head: "What happened",
      cell: ({ happenings }) => (
        <ul class="step">
          {happenings.slice(-20).map(({ type, atMs, note }) => (
            <li>
              {`${duration(atMs - fromMs)} ${type}`}
              {note !== undefined && <span class="error">{` ${note}`}</span>}
            </li>
          ))}
        </ul>
      ),
    },
  ];
  return (
    <Table
      caption={steps.length > stepsMax
        ? `The first ${stepsMax} of ${steps.length} messages`
        : "In the order in which they were seen"}
      columns={columns}
      rows={steps.slice(0, stepsMax)}
      keyOf={({ id, protocol, key }) => `${id} ${protocol}/${key}`}
    />
  );
}

/** The receiver of a message. Built-in actors have no page. */
function Receiver({ step }: { step: StoryStep }): JSX.Element {
  if (step.protocol.startsWith("~")) {
    return (
      <span class="name">
        <span class="protocol">{`${step.protocol.slice(1)} `}</span>
        {step.key}
      </span>
    );
  }
  return (
    <>
      <ActorName actor={step} />
      <code>{` ${step.operation}`}</code>
    </>
  );
}

function Bar({ happenings, fromMs, toMs }: {
  happenings: StoryStep["happenings"];
  fromMs: number;
  toMs: number;
}): JSX.Element {
  const x = (atMs: number) => Math.round(1_000 * (atMs - fromMs) / (toMs - fromMs)) / 10;
  const first = happenings[0];
  const started = happenings.findLast(({ type }) => type === "started") ?? first;
  const last = happenings.at(-1)!;
  const isBad = last.type === "failed" || last.type === "dead" || last.type === "retrying";
  return (
    <svg class="bar" viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">
      <rect
        class="waited"
        x={x(first.atMs)}
        y="2"
        height="6"
        width={Math.max(0.6, x(started.atMs) - x(first.atMs))}
      />
      <rect
        class={isBad ? "failed" : "took"}
        x={Math.min(99, x(started.atMs))}
        y="2"
        height="6"
        width={Math.max(1, x(last.atMs) - x(started.atMs))}
      />
    </svg>
  );
}
