import type { Entry, KeyRange, StoreConnection } from "@posthorn/posthorn/store";
import { toSortText } from "../../../../runtime/base/key_order.ts";

/** Some rows of a kind, in the order of their keys. None of them exists before it is read. */
export interface Segment {
  readonly count: number;
  /** The key of the row of that number, from 0. */
  key(number: number): string;
  value(number: number): Uint8Array;
}

/** Which calls a store got, and how many rows it gave. */
export interface Calls {
  lists: number;
  reads: number;
  rows: number;
  bytes: number;
}

/** A store with any number of rows, which takes no memory for them. It counts what is read, and refuses to be written to. */
export function endlessStore(segments: readonly Segment[], rows: readonly Entry[] = []) {
  const calls: Calls = { lists: 0, reads: 0, rows: 0, bytes: 0 };
  const all = [...segments, {
    count: rows.length,
    key: (n: number) => rows[n].key,
    value: (n: number) => rows[n].value,
  }]
    .filter(({ count }) => count > 0)
    .sort((a, b) => compare(a.key(0), b.key(0)));
  const give = (entries: Entry[]) => {
    calls.rows += entries.length;
    for (const { value } of entries) calls.bytes += value.length;
    return entries;
  };
  const entryAt = ({ key, value }: Segment, number: number): Entry => {
    return { key: key(number), value: value(number), version: `${number}` };
  };
  const connection: StoreConnection = {
    read(keys) {
      calls.reads++;
      return Promise.resolve(keys.map((key) => {
        for (const segment of all) {
          const number = firstOf(segment, (other) => compare(other, key) >= 0);
          if (number < segment.count && segment.key(number) === key) {
            return give([entryAt(segment, number)])[0];
          }
        }
        return undefined;
      }));
    },
    list({ prefix, after, limit, reverse = false }: KeyRange) {
      calls.lists++;
      if (limit < 1 || limit > 1_000) throw new RangeError(`a list of ${limit} rows`);
      const found: Entry[] = [];
      for (const segment of reverse ? all.toReversed() : all) {
        const begin = firstOf(segment, (key) => compare(key, prefix) >= 0);
        const end = firstOf(segment, (key) => compare(key, prefix) > 0 && !key.startsWith(prefix));
        const from = after === undefined
          ? begin
          : Math.max(begin, firstOf(segment, (key) => compare(key, after) > 0));
        const to = after === undefined
          ? end
          : Math.min(end, firstOf(segment, (key) => compare(key, after) >= 0));
        if (reverse) {
          for (let n = to - 1; n >= begin && found.length < limit; n--) found.push(entryAt(segment, n));
        } else for (let n = from; n < end && found.length < limit; n++) found.push(entryAt(segment, n));
      }
      return Promise.resolve(give(found));
    },
    commit: () => Promise.reject(new Error("a question wrote something")),
    watch: () => ({ [Symbol.dispose]() {} }),
    close: () => Promise.resolve(),
  };
  return { connection, calls };
}

/** Compares keys as stores do. */
function compare(key: string, other: string): number {
  const [a, b] = [toSortText(key), toSortText(other)];
  return a < b ? -1 : a > b ? 1 : 0;
}

/** The number of the first row for whose key that is true; the count of rows if there is none. */
function firstOf({ count, key }: Segment, holds: (key: string) => boolean): number {
  let low = 0;
  let high = count;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (holds(key(middle))) high = middle;
    else low = middle + 1;
  }
  return low;
}
