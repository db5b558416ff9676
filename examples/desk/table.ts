type Cell = string | number;

/** Formats rows under headings in columns; numbers are right-aligned. */
export function table(headings: readonly string[], rows: readonly (readonly Cell[])[]): string {
  const widths = headings.map((heading, column) =>
    Math.max(heading.length, ...rows.map((row) => textOf(row[column]).length))
  );
  const line = (row: readonly Cell[]) =>
    row.map((cell, column) => {
      const right = typeof (rows[0]?.[column]) === "number";
      return right ? textOf(cell).padStart(widths[column]) : textOf(cell).padEnd(widths[column]);
    }).join("  ").trimEnd();
  const rule = widths.map((width) => "─".repeat(width)).join("  ");
  return [line(headings), rule, ...rows.map(line)].map((text) => `  ${text}`).join("\n");
}

function textOf(cell: Cell): string {
  return typeof cell === "number" ? cell.toLocaleString("en") : cell;
}
