import type { Entry, StoreConnection } from "../ports/store.ts";

/** The most rows of one list, and about how many bytes it may have. */
const rowsMax = 500;
const bytesWanted = 4_194_304;

/** All rows with a prefix in order, a list at a time. Large rows come in smaller lists, so the memory is bounded. */
export async function* sizedPages(
  connection: StoreConnection,
  prefix: string,
): AsyncGenerator<readonly Entry[], void, undefined> {
  let limit = 4;
  let after: string | undefined;
  for (;;) {
    const rows = await connection.list({ prefix, limit, ...after !== undefined && { after } });
    if (rows.length > 0) yield rows;
    if (rows.length < limit) return;
    after = rows.at(-1)!.key;
    const bytes = rows.reduce((sum, { value }) => sum + value.length, 0);
    const fitting = Math.floor(bytesWanted / Math.max(bytes / rows.length, 1));
    limit = Math.max(1, Math.min(2 * limit, fitting, rowsMax));
  }
}
