import { didYouMean } from "./did_you_mean.ts";

/** The names of all options of a type: the compiler refuses a list that lacks one, or has one too many. */
export type OptionNames<Options> = { readonly [Name in keyof Required<Options>]: true };

/**
 * Throws a `TypeError` if `given` is no object, or has an option that does not exist: a program that no compiler
 * has checked, or that spreads an object, would never hear of a misspelt one. `of` is what the options are for;
 * `group` is the option that contains them, if they are nested.
 */
export function requireKnownOptions(
  of: string,
  given: object | undefined,
  names: Readonly<Record<string, true>>,
  group?: string,
): void {
  if (given === undefined && group !== undefined) return;
  if (typeof given !== "object" || given === null) {
    const what = group === undefined ? `the options of ${of}: they` : `${group} of ${of}: it`;
    throw new TypeError(`Cannot use ${what} must be an object`);
  }
  const unknown = Object.keys(given).find((name) => !Object.hasOwn(names, name));
  if (unknown === undefined) return;
  const shown = JSON.stringify(unknown.slice(0, 80)).slice(1, -1);
  const path = group === undefined ? shown : `${group}.${shown}`;
  const near = didYouMean(unknown.slice(0, 80), Object.keys(names));
  throw new TypeError(`Cannot use ${path} of ${of}: there is no such option${near}`);
}
