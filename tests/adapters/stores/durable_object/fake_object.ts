import { DatabaseSync } from "node:sqlite";
import type { ObjectStorage } from "@posthorn/posthorn/durable-object";

/** A Durable Object as the store sees it: its SQLite, and its alarm. It outlives its processes. */
export class FakeObject implements Disposable {
  readonly #database = new DatabaseSync(":memory:");
  /** When its alarm rings; `null` if it is not set. */
  alarmMs: number | null = null;
  /** How often the alarm was set. */
  alarmsSet = 0;
  /** How many rows of the table and its index were written, as Cloudflare counts them. */
  rowsWritten = 0;
  /** An error for the next call to throw. */
  fails: { readonly what: "sql" | "sync" | "setAlarm"; readonly message: string } | undefined;
  readonly storage: ObjectStorage;

  constructor() {
    const database = this.#database;
    const statements = new Map<string, ReturnType<DatabaseSync["prepare"]>>();
    let inTransaction = false;
    this.storage = {
      sql: {
        exec: (query, ...values) => {
          this.#fail("sql");
          let statement = statements.get(query);
          if (statement === undefined) statements.set(query, statement = database.prepare(query));
          if (/^\s*SELECT/.test(query)) {
            const rows = statement.all(...values);
            for (const row of rows) {
              if (row.value instanceof Uint8Array) row.value = row.value.slice().buffer as never;
            }
            return { rowsWritten: 0, toArray: () => rows };
          }
          const rowsWritten = Number(statement.run(...values).changes) * rowsOf(query, values);
          this.rowsWritten += rowsWritten;
          return { rowsWritten, toArray: () => [] };
        },
      },
      transactionSync: (action) => {
        if (inTransaction) throw new Error("a transaction in a transaction");
        inTransaction = true;
        database.exec("BEGIN");
        try {
          const result = action();
          database.exec("COMMIT");
          return result;
        } catch (error) {
          database.exec("ROLLBACK");
          throw error;
        } finally {
          inTransaction = false;
        }
      },
      // deno-lint-ignore require-await -- what is thrown rejects
      sync: async () => this.#fail("sync"),
      getAlarm: () => Promise.resolve(this.alarmMs),
      // deno-lint-ignore require-await -- what is thrown rejects
      setAlarm: async (atMs) => {
        this.#fail("setAlarm");
        if (atMs > Date.UTC(2189, 11, 31)) throw new TypeError("This API doesn't support dates after 2189.");
        this.alarmMs = atMs;
        this.alarmsSet++;
      },
    };
  }

  /** The keys of its rows that begin with a word. */
  keys(word: string): string[] {
    return this.#database.prepare("SELECT key FROM posthorn WHERE key LIKE ? ORDER BY key").all(
      `${word}\u001f%`,
    )
      .map(({ key }) => key as string);
  }

  [Symbol.dispose](): void {
    this.#database.close();
  }

  #fail(what: "sql" | "sync" | "setAlarm"): void {
    const { fails } = this;
    if (fails?.what !== what) return;
    this.fails = undefined;
    throw new Error(fails.message);
  }
}

/** A row that expires is written to the index too, and a row that is deleted counts once. `tests/edge/` compares it. */
function rowsOf(query: string, values: readonly unknown[]): number {
  if (/^\s*CREATE/.test(query)) return 0; // once only
  if (/^\s*DELETE/.test(query)) return 1;
  const expires = /^\s*INSERT/.test(query) ? values[3] : values[2];
  return expires === undefined || expires === null ? 1 : 2;
}
