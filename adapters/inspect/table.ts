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

/** Characters that take no column: they go on top of the one before, or join others. */
const none = /[\p{M}\u200b-\u200d\u2060\ufeff]/u;
/** Characters that take two columns: those of East Asia, and emoji. */
const two =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\ua960-\ua97f\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff01-\uff60\uffe0-\uffe6\p{Emoji_Presentation}\u{20000}-\u{3fffd}]/u;

/** How many columns of a terminal a text takes. */
function width(text: string): number {
  let columns = 0;
  for (const character of text) columns += none.test(character) ? 0 : two.test(character) ? 2 : 1;
  return columns;
}
