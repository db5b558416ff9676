import type { JSX } from "hono/jsx/jsx-runtime";
import type {
  DeadLetterFilter,
  DeadLetterGroups,
  ObservedDeadLetter,
} from "../../../runtime/ports/observation.ts";
import { link } from "../links.ts";
import { Act, Confirm } from "../parts/act.tsx";
import { count, counted } from "../parts/format.ts";
import { ActorName, Badge, Empty, MessageId, Opened, Pager, Time } from "../parts/parts.tsx";
import { type Column, Table } from "../parts/table.tsx";
import { valueText } from "../parts/value_text.ts";
import type { Screen, ScreenRequest } from "../screen.ts";
import { pageOf, parameter } from "./page_of.ts";
import { Unreadable } from "./unreadable.tsx";

/** How many dead letters a page has: each shows its payload. */
const lettersMax = 25;

/** The messages that will not be delivered, why, and what can be done. */
export const deadLetters: Screen = {
  page: "dead-letters",
  nav: "Dead letters",
  async view(request) {
    const filter = filterOf(request);
    const options = pageOf(request, lettersMax);
    const { observe } = request.system;
    const [page, letters] = await Promise.all([
      observe.deadLetters({ ...filter, ...options }),
      observe.deadLetterGroups(),
    ]);
    return {
      title: "Dead letters",
      lead:
        "Messages that will not be delivered, with the reason. Whoever waited for a reply has got a failure.",
      regions: [
        { id: "filter", live: "hold", content: <Groups letters={letters} filter={filter} /> },
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
                  <>
                    <OfAll filter={filter} letters={letters} request={request} />
                    <Table
                      caption="Latest first"
                      columns={columnsFor(request, filter)}
                      rows={page.items}
                      keyOf={({ id, protocol, key, atMs }) => `${id} ${protocol}/${key} ${atMs}`}
                    />
                  </>
                )}
              <Unreadable page={page} />
              <Pager page="dead-letters" parameters={{ ...filter }} after={options.after} next={page.next} />
            </>
          ),
        },
      ],
    };
  },
};

/** The filter in the parameters of a request. */
function filterOf(request: ScreenRequest): DeadLetterFilter {
  const protocol = parameter(request, "protocol");
  const reason = parameter(request, "reason");
  const operation = parameter(request, "operation");
  return {
    ...protocol !== undefined && { protocol },
    ...reason !== undefined && { reason },
    ...operation !== undefined && { operation },
  };
}

function Groups({ letters: { groups, more }, filter }: {
  letters: DeadLetterGroups;
  filter: DeadLetterFilter;
}): JSX.Element | null {
  const isFiltered = Object.keys(filter).length > 0;
  if (groups.length < 2 && !isFiltered) return null;
  return (
    <nav class="acts" aria-label="Kinds of dead letters">
      <a
        class={isFiltered ? "chip" : "chip current"}
        href="./dead-letters"
        aria-current={isFiltered ? undefined : "true"}
      >
        {`All ${count({ count: groups.reduce((sum, group) => sum + group.count, 0), more })}`}
      </a>
      {groups.slice(0, 30).map(({ protocol, reason, count }) => {
        const isCurrent = filter.protocol === protocol && filter.reason === reason;
        return (
          <a
            class={isCurrent ? "chip current" : "chip"}
            href={link("dead-letters", { protocol, reason })}
            aria-current={isCurrent ? "true" : undefined}
          >
            {`${protocol}: ${reason} ${count.toLocaleString("en")}`}
          </a>
        );
      })}
    </nav>
  );
}

function OfAll({ filter, letters, request: { mayAct } }: {
  filter: DeadLetterFilter;
  letters: DeadLetterGroups;
  request: ScreenRequest;
}): JSX.Element | null {
  if (!mayAct) return null;
  const matching = letters.groups.filter(({ protocol, reason }) =>
    (filter.protocol ?? protocol) === protocol && (filter.reason ?? reason) === reason
  );
  const sum = matching.reduce((sum, group) => sum + group.count, 0);
  if (sum < 2 && !letters.more) return null;
  const which = (
    <>
      {filter.protocol === undefined ? "" : ` of ${filter.protocol}`}
      {filter.operation === undefined ? "" : `.${filter.operation}`}
      {filter.reason === undefined ? "" : (
        <>
          {" with the reason "}
          <bdi>{filter.reason}</bdi>
        </>
      )}
    </>
  );
  const values = { ...filter };
  return (
    <div class="acts all">
      <Confirm
        id="resend-all"
        action="resend-all"
        values={values}
        look="strong"
        label="Send all again…"
        question={<>All dead letters{which} are sent again, the oldest first: at most 10,000 at once.</>}
        sure="Send all of them again"
      />
      <Confirm
        id="discard-all"
        action="discard-all"
        values={values}
        label="Discard all…"
        question={<>All dead letters{which} are removed for good: at most 10,000 at once.</>}
        sure="Discard all of them"
      />
    </div>
  );
}

function columnsFor(
  { nowMs, mayAct }: ScreenRequest,
  filter: DeadLetterFilter,
): Column<ObservedDeadLetter>[] {
  const columns: Column<ObservedDeadLetter>[] = [
    {
      head: "To",
      cell: (letter) => (
        <>
          <ActorName actor={letter} />
          <br />
          <code class="none">{letter.operation}</code>
        </>
      ),
    },
    {
      head: "Why",
      cell: ({ reason, message }) => (
        <>
          <Badge tone="bad">{reason}</Badge>
          <p class="why">{message}</p>
        </>
      ),
    },
    {
      head: "When",
      cell: ({ atMs, attempts }) => (
        <>
          <Time atMs={atMs} nowMs={nowMs} />
          <br />
          <span class="none line">{counted(attempts, "attempt")}</span>
        </>
      ),
    },
    {
      head: "Payload",
      cell: ({ id, protocol, key, atMs, payload }) =>
        payload === undefined ? <span class="none">none</span> : (
          <Opened
            text={valueText(payload)}
            id={`payload-${id}-${protocol}-${key}-${atMs}`}
            label="Payload"
          />
        ),
    },
    { head: "Message", cell: ({ id, correlationId }) => <MessageId id={id} of={correlationId ?? id} /> },
  ];
  if (!mayAct) return columns;
  const action: Column<ObservedDeadLetter> = {
    head: "Action",
    cell: ({ id, protocol, key, atMs }) => (
      <div class="acts">
        <Act action="resend" values={valuesOf({ id, protocol, key, atMs }, filter)} look="strong">
          Send again
          <span class="hidden">{` to ${protocol}/${key}`}</span>
        </Act>
        <Confirm
          id={`discard-${id}-${protocol}-${key}-${atMs}`}
          action="discard"
          values={valuesOf({ id, protocol, key, atMs }, filter)}
          label="Discard…"
          question={
            <>
              The message to <bdi>{`${protocol}/${key}`}</bdi> is removed for good.
            </>
          }
          sure="Discard it"
        />
      </div>
    ),
  };
  return [...columns, action];
}

/** A dead letter as fields of a form, since others may have its id, and the filter, to come back to the same list. */
function valuesOf(
  { id, protocol, key, atMs }: Pick<ObservedDeadLetter, "id" | "protocol" | "key" | "atMs">,
  filter: DeadLetterFilter,
) {
  return { id, toProtocol: protocol, toKey: key, atMs: String(atMs), ...filter };
}
