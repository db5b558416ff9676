import type { Child } from "hono/jsx";
import type { JSX } from "hono/jsx/jsx-runtime";

/** A column of a table. */
export interface Column<Row> {
  readonly head: string;
  readonly cell: (row: Row) => Child;
  /** Whether it holds numbers, which stand below each other. */
  readonly isNumber?: boolean;
}

/**
 * A table. The first cell of a row is its head. On a narrow screen each row is a card, so the roles are told: a browser
 * forgets those of a table that is not shown as one. `keyOf` names a row while the page is live.
 */
export function Table<Row>({ caption, columns, rows, keyOf }: {
  caption: string;
  columns: readonly Column<Row>[];
  rows: readonly Row[];
  keyOf: (row: Row) => string;
}): JSX.Element {
  return (
    <table role="table">
      <caption>{caption}</caption>
      <thead role="rowgroup">
        <tr role="row">
          {columns.map(({ head, isNumber }) => (
            <th role="columnheader" scope="col" class={isNumber ? "number" : undefined}>{head}</th>
          ))}
        </tr>
      </thead>
      <tbody role="rowgroup">
        {rows.map((row) => (
          <tr role="row" data-key={keyOf(row)}>
            {columns.map((column, index) => cell(column, index === 0, row))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function cell<Row>({ head, cell, isNumber }: Column<Row>, isHead: boolean, row: Row): JSX.Element {
  const kind = isNumber ? "number" : undefined;
  if (isHead) return <th role="rowheader" scope="row" class={kind}>{cell(row)}</th>;
  return (
    <td role="cell" data-label={head} class={kind}>
      <div>{cell(row)}</div>
    </td>
  );
}
