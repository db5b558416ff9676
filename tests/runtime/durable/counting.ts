import type { Store } from "@posthorn/posthorn";

/** The number of calls of a store, and the size of their results. */
export interface Calls {
  reads: number;
  keys: number;
  lists: number;
  commits: number;
  /** The number of values read or listed, and their bytes. */
  rows: number;
  bytes: number;
}

/** A store that counts its calls, each of which would be a network call elsewhere. */
export class CountingStore implements Store {
  readonly #store: Store;
  readonly calls: Calls = { reads: 0, keys: 0, lists: 0, commits: 0, rows: 0, bytes: 0 };

  constructor(store: Store) {
    this.#store = store;
  }

  get engine() {
    return this.#store.engine;
  }

  get traits() {
    return this.#store.traits;
  }

  /** Resets the counters. */
  begin(): void {
    Object.assign(this.calls, { reads: 0, keys: 0, lists: 0, commits: 0, rows: 0, bytes: 0 });
  }

  async open(services: Parameters<Store["open"]>[0]) {
    const connection = await this.#store.open(services);
    const { calls } = this;
    const count = (rows: readonly ({ readonly value: Uint8Array } | undefined)[]) => {
      for (const row of rows) {
        if (row === undefined) continue;
        calls.rows++;
        calls.bytes += row.value.length;
      }
    };
    return {
      async read(keys: readonly string[]) {
        calls.reads++;
        calls.keys += keys.length;
        const rows = await connection.read(keys);
        count(rows);
        return rows;
      },
      async list(range: Parameters<typeof connection.list>[0]) {
        calls.lists++;
        const rows = await connection.list(range);
        count(rows);
        return rows;
      },
      commit(parts: Parameters<typeof connection.commit>[0]) {
        calls.commits++;
        return connection.commit(parts);
      },
      watch: (onChange: () => void) => connection.watch(onChange),
      close: () => connection.close(),
    };
  }
}
