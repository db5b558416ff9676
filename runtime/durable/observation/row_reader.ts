import type { Entry, StoreConnection } from "../../ports/store.ts";
import type { Count } from "../../ports/observation.ts";

/** The most rows of one list; about how many bytes it may have; and how many rows the first list has, since rows may be large. */
const listMax = 1_000;
const listBytes = 4_194_304;
const listFirst = 16;
/** How many keys are read together. */
const readMax = 25;

/** How many things are looked at together. */
const lookedTogether = 10;

/** Calls a function for each item, for some of them at once. Resolves with the results in the order of the items. */
export async function together<Item, Result>(
  items: readonly Item[],
  act: (item: Item, index: number) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = [];
  for (let from = 0; from < items.length; from += lookedTogether) {
    const some = items.slice(from, from + lookedTogether);
    results.push(...await Promise.all(some.map((item, index) => act(item, from + index))));
  }
  return results;
}

/** How much one question may read. */
export interface ReadBounds {
  readonly rows: number;
  /** About: the list that reaches it is the last. */
  readonly bytes: number;
}

/** Which rows are read, and how many at most. */
export interface Rows {
  readonly prefix: string;
  readonly after?: string | undefined;
  readonly most: number;
  readonly reverse?: boolean;
}

/** What one question may read. */
export const usualBounds: ReadBounds = { rows: 40_000, bytes: 33_554_432 };

/** Reads the rows for one question, a bounded number of them. Once it is spent it reads no more, and says that there may be more. */
export class RowReader {
  readonly #connection: StoreConnection;
  readonly #whole: RowReader | undefined;
  #rows: number;
  #bytes: number;

  /** A reader for one question; or for a part of what `whole` may read. */
  constructor(connection: StoreConnection, { rows, bytes }: ReadBounds = usualBounds, whole?: RowReader) {
    this.#connection = connection;
    this.#rows = rows;
    this.#bytes = bytes;
    this.#whole = whole;
  }

  /** How many rows it may still read. */
  get left(): number {
    return this.#bytes > 0 ? Math.max(this.#rows, 0) : 0;
  }

  /**
   * A reader for one of so many that share what this one may still read. It gets its part whatever the others have read by
   * then: so each of several lists that make a page comes on.
   */
  part(parts: number): RowReader {
    const rows = Math.ceil(this.left / Math.max(parts, 1));
    const bytes = Math.ceil(this.#bytes / Math.max(parts, 1));
    return new RowReader(this.#connection, { rows, bytes }, this);
  }

  /** The row of a key. */
  async one(key: string): Promise<Entry | undefined> {
    return (await this.read([key])).rows.get(key);
  }

  /**
   * The rows of the first of some keys, and of how many: it reads some in any case, so that whoever asks again comes on, and
   * the others as long as it may.
   */
  async read(
    keys: readonly string[],
  ): Promise<{ readonly rows: ReadonlyMap<string, Entry>; readonly count: number }> {
    const found = new Map<string, Entry>();
    let count = 0;
    while (count < keys.length && (count === 0 || this.left > 0)) {
      const some = keys.slice(count, count + readMax);
      for (const row of await this.#connection.read(some)) {
        if (row === undefined) continue;
        this.#took(1, row.value.length);
        found.set(row.key, row);
      }
      count += some.length;
    }
    return { rows: found, count };
  }

  /** The first rows of a range in one list, at most 1,000: for rows that are not large. */
  async few({ prefix, after, most, reverse }: Rows): Promise<Entry[]> {
    const limit = Math.min(most, this.left);
    if (limit === 0) return [];
    this.#took(limit, 0); // other lists may be under way
    const rows = await this.#connection.list({
      prefix,
      limit,
      ...after !== undefined && { after },
      ...reverse === true && { reverse },
    });
    this.#took(rows.length - limit, rows.reduce((sum, { value }) => sum + value.length, 0));
    return rows;
  }

  /**
   * Gives the rows of a range, a list at a time, until `each` returns true or there are as many as wanted. Resolves with
   * whether there may be more.
   */
  async scan(range: Rows, each: (rows: readonly Entry[]) => boolean | void): Promise<boolean> {
    let { after } = range;
    let wanted = range.most;
    for (let size = listFirst; wanted > 0;) {
      const limit = Math.min(size, wanted, this.left);
      if (limit === 0) return true;
      const rows = await this.few({ ...range, after, most: limit });
      if (rows.length > 0 && each(rows) === true) return true;
      if (rows.length < limit) return false;
      wanted -= rows.length;
      after = rows.at(-1)!.key;
      const bytes = rows.reduce((sum, { value }) => sum + value.length, 1);
      size = Math.max(1, Math.min(size * 4, listMax, Math.floor(listBytes * rows.length / bytes)));
    }
    return true;
  }

  /** The first rows of a range, and whether there are more. */
  async list(range: Rows): Promise<{ readonly rows: readonly Entry[]; readonly more: boolean }> {
    const found: Entry[] = [];
    const more = await this.scan({ ...range, most: range.most + 1 }, (rows) => void found.push(...rows));
    return { rows: found.slice(0, range.most), more };
  }

  /** Counts the rows with a prefix, up to a bound, and gives each of those that count to a function. */
  async count(prefix: string, most: number, each: (row: Entry) => void = () => {}): Promise<Count> {
    let count = 0;
    const more = await this.scan({ prefix, most: most + 1 }, (rows) => {
      for (const row of rows) if (++count <= most) each(row);
    });
    return { count: Math.min(count, most), more };
  }

  #took(rows: number, bytes: number): void {
    this.#rows -= rows;
    this.#bytes -= bytes;
    if (this.#whole !== undefined) this.#whole.#took(rows, bytes);
  }
}
