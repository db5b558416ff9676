import assert from "node:assert/strict";
import { exposition, type Family } from "../../../adapters/telemetry/exposition.ts";

/** Fails unless the text has each of these lines. */
export function assertLines(text: string, lines: readonly string[]): void {
  for (const line of lines) assert.ok(`\n${text}`.includes(`\n${line}\n`), `${line} is not in:\n${text}`);
}

/** The numbers of some metrics: their lines without bounds, help and types. */
export function numbersOf(families: readonly Family[]): string[] {
  return exposition(families, "prometheus").trimEnd().split("\n").filter((line) =>
    !/^#|_bucket\{/.test(line)
  );
}
