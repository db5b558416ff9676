import type { JSX } from "hono/jsx/jsx-runtime";
import type { Histogram } from "../../../runtime/base/histogram.ts";
import { link } from "../links.ts";
import type { OperationMeasures } from "../measures/operations.ts";
import { duration, number, relative } from "../parts/format.ts";
import { Duration, Empty } from "../parts/parts.tsx";
import { type Column, Table } from "../parts/table.tsx";
import type { Screen } from "../screen.ts";

/** What each operation does in this process: how often, how fast, how often it fails. */
export const operations: Screen = {
  page: "operations",
  nav: "Operations",
  view({ watch, nowMs }) {
    const { sinceMs = nowMs, operations } = watch;
    const measured = operations.list();
    return Promise.resolve({
      title: "Operations",
      lead:
        "Of this process, measured while a page of the console is open. Times are those of a sample if there are many messages.",
      regions: [{
        id: "list",
        live: "follow",
        content: measured.length === 0
          ? <Empty>No message was handled yet in this process, since the console listens.</Empty>
          : (
            <>
              <Table
                caption={`Since ${relative(sinceMs, nowMs)}`}
                columns={columnsOver(Math.max(1, (nowMs - sinceMs) / 1_000))}
                rows={measured}
                keyOf={({ name }) => name}
              />
              {operations.isFull && <p class="lead">There are more operations than are measured.</p>}
            </>
          ),
      }],
    });
  },
};

function columnsOver(seconds: number): Column<OperationMeasures>[] {
  const zeroOr = (value: number) => value === 0 ? <span class="none">0</span> : number(value);
  return [
    {
      head: "Operation",
      cell: ({ protocol, operation }) => (
        <a class="name" href={link("actors", { protocol })}>
          <span class="protocol">{protocol}.</span>
          {operation}
        </a>
      ),
    },
    { head: "Done", isNumber: true, cell: ({ done }) => `${number(done / seconds)}/s` },
    { head: "Waits p50", isNumber: true, cell: ({ waits }) => <Quantile of={waits} part={0.5} /> },
    { head: "Waits p99", isNumber: true, cell: ({ waits }) => <Quantile of={waits} part={0.99} /> },
    { head: "Takes p50", isNumber: true, cell: ({ turns }) => <Quantile of={turns} part={0.5} /> },
    { head: "Takes p99", isNumber: true, cell: ({ turns }) => <Quantile of={turns} part={0.99} /> },
    { head: "Failed", isNumber: true, cell: ({ failed }) => zeroOr(failed) },
    { head: "Retried", isNumber: true, cell: ({ retried }) => zeroOr(retried) },
    { head: "Dead", isNumber: true, cell: ({ dead }) => zeroOr(dead) },
    {
      head: "Last error",
      cell: ({ lastError }) => lastError === undefined ? "" : <span class="error">{lastError}</span>,
    },
  ];
}

/** The value below which a part of the times is. */
export function Quantile({ of, part }: { of: Histogram; part: number }): JSX.Element {
  const ms = of.quantile(part);
  return ms === undefined ? <Duration ms={undefined} /> : <span>{duration(ms)}</span>;
}
