import type { Entry, StoreConnection } from "../../ports/store.ts";
import type { Count } from "../../ports/observation.ts";

/** How many rows, and about how many bytes of them, one question may read. */
export const rowsMax = 30_000;
export const bytesMax = 33_554_432;
/** The most rows of one list; about how many bytes it may have; and how many rows the first list has, since rows may be large. */
const listMax = 1_000;
const listBytes = 4_194_304;
const listFirst = 16;
/** How many keys are read together. */
const readMax = 100;

/** Which rows are read, and how many at most. */
export interface Rows {
  readonly prefix: string;
  readonly after?: string | undefined;
  readonly most: number;
  readonly reverse?: boolean;
}

/** Reads the rows for one question, a bounded number of them. Once it is spent it reads no more, and says that there may be more. */
export class RowReader {
  readonly #connection: StoreConnection;
  #rows = rowsMax;
  #bytes = bytesMax;

  constructor(connection: StoreConnection) {
    this.#connection = connection;
  }

  /** How many rows it may still read. */
  get left(): number {
    return this.#bytes > 0 ? Math.max(this.#rows, 0) : 0;
  }

  /** The rows of some keys, as far as it may read them. */
  async read(keys: readonly string[]): Promise<ReadonlyMap<string, Entry>> {
    const found = new Map<string, Entry>();
    for (let from = 0; from < keys.length && this.left > 0; from += readMax) {
      const rows = await this.#connection.read(keys.slice(from, from + readMax));
      for (const row of rows) {
        if (row === undefined) continue;
        this.#took(row);
        found.set(row.key, row);
      }
    }
    return found;
  }

  /** The first rows of a range in one list, at most 1,000: for rows that are not large. */
  async few({ prefix, after, most, reverse }: Rows): Promise<Entry[]> {
    const limit = Math.min(most, this.left);
    if (limit === 0) return [];
    const rows = await this.#connection.list({
      prefix,
      limit,
      ...after !== undefined && { after },
      ...reverse === true && { reverse },
    });
    for (const row of rows) this.#took(row);
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

  #took({ value }: Entry): void {
    this.#rows--;
    this.#bytes -= value.length;
  }
}
