import { escapeControls } from "../../runtime/base/escape.ts";
import { shorten } from "../../runtime/base/shorten.ts";
import type { Count } from "../../runtime/ports/observation.ts";

/** What a cell shows. */
export type Cell = string | number | Count | undefined;

/** The most UTF-16 units of a text that is only to be looked at: a payload, a reason in words. */
const longest = 100;

/**
 * Rows under the names of their columns, aligned; numbers to the right. Control characters are escaped: what is in a store
 * may come from outside, and must not control the terminal. Nothing without rows.
 */
export function table(columns: readonly string[], rows: readonly (readonly Cell[])[]): string {
  if (rows.length === 0) return "";
  const cells = rows.map((row) => row.map(shownCell));
  const widths = columns.map((name, column) =>
    Math.max(...[name, ...cells.map((row) => row[column])].map(width))
  );
  const isNumber = columns.map((_, column) =>
    rows.every((row) => typeof row[column] === "number" || typeof row[column] === "object")
  );
  const line = (row: readonly string[]) =>
    row.map((cell, column) => {
      const room = " ".repeat(widths[column] - width(cell));
      return isNumber[column] ? room + cell : cell + room;
    }).join("  ").trimEnd();
  return `${[columns, ...cells].map(line).join("\n")}\n`;
}

/** Names and what they stand for, one a line. Those without a value are left out. */
export function fields(values: Readonly<Record<string, Cell>>): string {
  const shown = Object.entries(values).filter(([, value]) => value !== undefined);
  const longestName = Math.max(...shown.map(([name]) => name.length));
  return shown.map(([name, value]) => `${name.padEnd(longestName)}  ${shownCell(value)}\n`).join("");
}

/** A text of which only the beginning is shown. */
export function beginning(text: string | undefined): string | undefined {
  return text === undefined ? undefined : shorten(text, longest);
}

function shownCell(cell: Cell): string {
  if (cell === undefined) return "-";
  if (typeof cell === "string") return escapeControls(cell);
  if (typeof cell === "number") return grouped(cell);
  return `${grouped(cell.count)}${cell.more ? "+" : ""}`;
}

function grouped(count: number): string {
  return String(count).replace(/\B(?=(\d{3})+$)/g, ",");
}

function width(text: string): number {
  return [...text].length;
}
