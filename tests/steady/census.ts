// The contents of a store: the number and bytes of rows by kind, and those that should have been deleted.

import type { StoreConnection } from "@posthorn/posthorn/store";
import { erased } from "./actors.ts";
import { isOver } from "./is_over.ts";

const pageMax = 1_000;

export interface Census {
  /** By kind: the first word of their keys. */
  readonly rows: ReadonlyMap<string, number>;
  readonly bytes: number;
  /** The kinds of rows that should have been deleted, with their number. */
  readonly over: ReadonlyMap<string, number>;
}

/** Counts all rows, and those without a reason to exist in an idle system. */
export async function censusOf(connection: StoreConnection, nowMs: number): Promise<Census> {
  const rows = new Map<string, number>();
  const over = new Map<string, number>();
  let bytes = 0;
  for (let after: string | undefined, more = true; more;) {
    const page = await connection.list({ prefix: "", after, limit: pageMax });
    for (const { key, value } of page) {
      const kind = key.split("\u001f")[0];
      add(rows, kind);
      bytes += key.length + value.length;
      if (isOver(key, value, nowMs) || isErased(kind, key)) add(over, kind);
    }
    after = page.at(-1)?.key;
    more = page.length === pageMax;
  }
  return { rows, bytes, over };
}

function isErased(kind: string, key: string): boolean {
  return kind === "actor" && key.includes(`\u001f${erased}`);
}

function add(counts: Map<string, number>, kind: string): void {
  counts.set(kind, (counts.get(kind) ?? 0) + 1);
}

/** Formats the number of rows by kind as one line. */
export function shown({ rows, bytes }: Census): string {
  const kinds = [...rows].toSorted(([a], [b]) => a < b ? -1 : 1).map(([kind, count]) => `${kind} ${count}`);
  return `${kinds.join(", ")}; ${Math.round(bytes / 1_000)} kB`;
}

/**
 * The kinds of rows, and bytes, that grow from one census to a later one: by more than a tenth and a few
 * rows.
 */
export function growing(before: readonly Census[], after: readonly Census[]): string[] {
  const grown: string[] = [];
  const kinds = new Set([...before, ...after].flatMap(({ rows }) => [...rows.keys()]));
  for (const kind of kinds) {
    const [first, last] = [before, after].map((all) => meanOf(all.map(({ rows }) => rows.get(kind) ?? 0)));
    if (last > first * 1.1 + 20) grown.push(`${kind}: ${Math.round(first)} rows, then ${Math.round(last)}`);
  }
  const [first, last] = [before, after].map((all) => meanOf(all.map(({ bytes }) => bytes)));
  if (last > first * 1.1 + 50_000) grown.push(`${Math.round(first)} bytes, then ${Math.round(last)}`);
  return grown;
}

function meanOf(numbers: readonly number[]): number {
  return numbers.reduce((sum, number) => sum + number, 0) / Math.max(numbers.length, 1);
}
