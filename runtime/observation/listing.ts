import { toSortText } from "../base/key_order.ts";
import type { Page } from "../ports/observation.ts";

/** Which part of a list is asked for. */
export interface Range {
  /** The place behind which it begins; absent for the beginning of the list. */
  readonly after: string | undefined;
  /** The most items. */
  readonly limit: number;
  /** Where counts end. */
  readonly countMax: number;
}

/** An item, and its place in its list: a text by which items of several sources are in one order. */
export interface Found<Item> {
  readonly at: string;
  readonly item: Item;
}

/** A part of a list, as one source has it. */
export interface Listing<Item> {
  /** In the order of the list; more than the limit if the source has them anyway. */
  readonly found: readonly Found<Item>[];
  /** The place up to which the source has looked; absent if it has looked at all. */
  readonly upTo?: string | undefined;
  /** How many rows of that part cannot be read and were left out. */
  readonly unreadable?: number;
}

/** A list without items. */
export const nothing: Listing<never> = { found: [] };

/** Which way a list goes. */
export type Direction = "up" | "down";

/** Compares two places. They have the order in which stores keep keys. */
export function comparePlaces(place: string, other: string, direction: Direction = "up"): number {
  const [first, second] = [toSortText(place), toSortText(other)];
  const sign = first < second ? -1 : first > second ? 1 : 0;
  return direction === "up" ? sign : -sign;
}

/**
 * The page of several sources together. A source has looked up to a place, so the page ends at the nearest of these: what
 * comes behind is found by the next page. If two have an item at one place, that of the first source is taken.
 */
export function pageOf<Item>(
  listings: readonly Listing<Item>[],
  limit: number,
  direction: Direction = "up",
): Page<Item> {
  let upTo: string | undefined;
  for (const { upTo: own } of listings) {
    if (own !== undefined && (upTo === undefined || comparePlaces(own, upTo, direction) < 0)) upTo = own;
  }
  const places = new Map<string, Item>();
  for (const { at, item } of listings.flatMap(({ found }) => found)) {
    const within = upTo === undefined || comparePlaces(at, upTo, direction) <= 0;
    if (within && !places.has(at)) places.set(at, item);
  }
  const sorted = [...places].sort(([place], [other]) => comparePlaces(place, other, direction));
  const taken = sorted.slice(0, limit);
  const next = sorted.length > limit ? taken.at(-1)![0] : upTo;
  const unreadable = listings.reduce((sum, listing) => sum + (listing.unreadable ?? 0), 0);
  return {
    items: taken.map(([, item]) => item),
    ...next !== undefined && { next },
    ...unreadable > 0 && { unreadable },
  };
}
