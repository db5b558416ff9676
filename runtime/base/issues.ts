import { shorten } from "./shorten.ts";

/** One problem that a schema found in a value. */
export interface Issue {
  /** The problem, in the words of the schema library. */
  readonly message: string;
  /** The path to the problem; empty for the value itself. */
  readonly path: readonly (string | number)[];
}

/** How many issues an error keeps: a payload may be wrong in each of its items. */
export const issuesMax = 20;
const messageUnitsMax = 200;
const pathMax = 16;
const keyUnitsMax = 64;

/** The first issues with shortened messages: a message may be as large as the payload. */
export function shortIssues(issues: readonly Issue[]): readonly Issue[] {
  return issues.slice(0, issuesMax).map(({ message, path }) => ({
    message: shorten(`${message}`, messageUnitsMax),
    path: path.slice(0, pathMax).map((key) => typeof key === "string" ? shorten(key, keyUnitsMax) : key),
  }));
}
