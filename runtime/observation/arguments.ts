import { utf8Length } from "../base/ascii.ts";
import { didYouMean } from "../base/did_you_mean.ts";
import { PosthornError } from "../base/errors.ts";
import type { OptionNames } from "../base/option_names.ts";
import type { PageOptions } from "../ports/observation.ts";
import type { Range } from "./listing.ts";

const limitDefault = 100;
const limitMax = 1_000;
/** Where counts end. */
export const countMost = 10_000;
/** The longest text that a list is asked by, in UTF-16 units. */
const textUnitsMax = 2_048;
/**
 * The longest place in a list, in bytes. The longest that there is, that of a reply, has the name of a caller of 512 bytes,
 * encoded as in a URL. A store need not take much longer keys.
 */
const afterBytesMax = 1_600;

/** The names of what every list can be asked by. */
export const pageNames: OptionNames<PageOptions> = { after: true, limit: true, countMax: true };

/**
 * The part of a list that is asked for. Throws a `PosthornError` (`invalid-question`) if there is no such part, or if it is
 * asked by what is not among the names: a misspelt filter would list everything.
 */
export function rangeOf(
  what: string,
  options: PageOptions = {},
  names: Readonly<Record<string, true>> = pageNames,
): Range {
  requireObject(what, options);
  requireNames(what, options, names);
  const { after, limit = limitDefault, countMax = countMost } = options;
  requireCount(what, "limit", limit, limitMax);
  requireCount(what, "countMax", countMax, countMost);
  requireText(what, "after", after);
  const bytes = utf8Length(after ?? "");
  if (bytes > afterBytesMax) refuse(what, `after has ${bytes} of ${afterBytesMax} bytes`);
  return { after: after === "" ? undefined : after, limit, countMax };
}

/** Throws a `PosthornError` (`invalid-question`) if a member that should be text, if it is there at all, is none. */
export function requireTexts<Filter extends object>(
  what: string,
  filter: Filter,
  names: readonly (keyof Filter & string)[],
): void {
  requireObject(what, filter);
  for (const name of names) requireText(what, name, filter[name]);
}

/** Throws a `PosthornError` (`invalid-question`). */
export function refuse(what: string, why: string): never {
  throw new PosthornError("invalid-question", `Cannot list ${what}: ${why}`);
}

function requireObject(what: string, value: unknown): void {
  if (typeof value !== "object" || value === null) refuse(what, "what is asked for is no object");
}

function requireNames(what: string, options: object, names: Readonly<Record<string, true>>): void {
  const unknown = Object.keys(options).find((name) => !Object.hasOwn(names, name))?.slice(0, 80);
  if (unknown === undefined) return;
  refuse(what, `there is no ${JSON.stringify(unknown)}${didYouMean(unknown, Object.keys(names))}`);
}

function requireCount(what: string, name: string, value: unknown, most: number): void {
  if (Number.isSafeInteger(value) && value as number >= 1 && value as number <= most) return;
  refuse(what, `${name} must be a whole number of 1 to ${most}: current value is ${shown(value)}`);
}

function requireText(what: string, name: string, value: unknown): void {
  if (value === undefined) return;
  if (typeof value !== "string") refuse(what, `${name} must be text: current value is ${shown(value)}`);
  if (value.length > textUnitsMax) {
    refuse(what, `${name} has ${value.length} of ${textUnitsMax} UTF-16 units`);
  }
  if (!value.isWellFormed() || value.includes("\0")) refuse(what, `${name} is no well-formed text`);
}

function shown(value: unknown): string {
  return typeof value === "number" ? String(value) : typeof value;
}
