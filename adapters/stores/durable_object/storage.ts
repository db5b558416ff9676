/**
 * The part of a Durable Object's storage that is used: `ctx.storage` of an object with SQLite. Declared here, so that the
 * types of Cloudflare are not needed.
 */
export interface ObjectStorage {
  /** The SQLite database of the object. */
  readonly sql: ObjectSql;
  /** Runs a function in one transaction, which is rolled back if it throws. */
  transactionSync<Result>(action: () => Result): Result;
  /** Resolves when everything written so far is durable. */
  sync(): Promise<void>;
  /** The time of the object's alarm, in milliseconds since 1970; `null` if none is set. */
  getAlarm(): Promise<number | null>;
  /** Sets the object's alarm, in place of the one before. */
  setAlarm(atMs: number): Promise<void>;
}

/** The SQLite database of a Durable Object. */
export interface ObjectSql {
  /** Runs a statement. */
  exec(query: string, ...values: (string | number | null | Uint8Array)[]): ObjectCursor;
}

/** The result of a statement. */
export interface ObjectCursor {
  /** How many rows of tables and indexes the statement has written so far. */
  readonly rowsWritten: number;
  /** The rows. */
  toArray(): Record<string, unknown>[];
}
