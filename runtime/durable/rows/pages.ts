import type { Entry, KeyRange, StoreConnection } from "../../ports/store.ts";

/** All rows of a range, in order, so many in one list. The last list brings fewer: so it is known to be the last. */
export async function* pages(
  connection: StoreConnection,
  range: KeyRange,
): AsyncGenerator<readonly Entry[], void, undefined> {
  for (let { after } = range;;) {
    const rows = await connection.list({ ...range, after });
    yield rows;
    if (rows.length < range.limit) return;
    after = rows.at(-1)!.key;
  }
}
