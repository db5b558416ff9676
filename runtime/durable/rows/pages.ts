import type { Entry, KeyRange, StoreConnection } from "../../ports/store.ts";

/** All rows of a range in order, a list at a time. A list with fewer rows than its limit is the last. */
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
