import type { FoundPartition, FoundRecord } from "./kafkajs_parts.ts";
import type { Fetched, ReadRecord } from "./link.ts";

/** The key of the record that ends an aborted transaction: version 0, type 0. */
const abortKey = "0,0,0,0";

/** What a fetch from an offset brought. The broker may send records before the offset, and of aborted transactions. */
export function fetchedOf(found: FoundPartition, from: number): Fetched {
  const within = found.messages.filter(({ offset }) => Number(offset) >= from);
  const records = withoutAborted(within, found.abortedTransactions ?? []).map(readRecordOf);
  const last = found.messages.at(-1);
  return {
    partition: found.partition,
    records,
    next: last === undefined ? from : Math.max(from, Number(last.offset) + 1),
  };
}

function withoutAborted(
  records: readonly FoundRecord[],
  transactions: NonNullable<FoundPartition["abortedTransactions"]>,
): FoundRecord[] {
  if (transactions.length === 0) return records.filter(({ isControlRecord }) => isControlRecord !== true);
  const upcoming = transactions.toSorted((a, b) => Number(a.firstOffset) - Number(b.firstOffset));
  const aborted = new Set<string>();
  return records.filter(({ offset, key, isControlRecord = false, batchContext }) => {
    while (upcoming.length > 0 && Number(offset) >= Number(upcoming[0].firstOffset)) {
      aborted.add(upcoming.shift()!.producerId);
    }
    if (isControlRecord && key?.subarray(0, 4).join() === abortKey) {
      aborted.delete(batchContext?.producerId ?? "");
    }
    return !isControlRecord &&
      !(batchContext?.inTransaction === true && aborted.has(batchContext.producerId));
  });
}

const empty = new Uint8Array();

function readRecordOf({ offset, key, value, headers }: FoundRecord): ReadRecord {
  const read: [string, Uint8Array][] = [];
  for (const name in headers) {
    const values = headers[name];
    if (Array.isArray(values)) { for (const one of values) read.push([name, one ?? empty]); }
    else read.push([name, values as Uint8Array | null ?? empty]);
  }
  // The body goes on to users: as an array of the language, not of the platform.
  const body = value === null ? empty : new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
  return { offset: Number(offset), key: key ?? undefined, value: body, headers: read };
}
