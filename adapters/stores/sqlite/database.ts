// The schema and all statements of the SQLite store.

import { endOf } from "../../../runtime/base/key_order.ts";
import type { Entry, KeyRange } from "../../../runtime/ports/store.ts";

/**
 * How long a call blocks for the lock, in milliseconds. It is short, because it blocks the whole process,
 * heartbeats included.
 */
const blockMs = 4;
/**
 * The number of pages after which the write-ahead log is checkpointed: more than SQLite's default, so that
 * frequently changed pages are written to the database file less often.
 */
const logPages = 4_000;
/** The size to which the file of the log is truncated after a checkpoint, in bytes. */
const logBytes = 64 * 1024 * 1024;
/**
 * The maximum number of expired values that one timer call deletes. It is small, because the call blocks the
 * process; if there may be more, the next call follows soon.
 */
export const expiredAtOnce = 500;

/**
 * The number of versions that a connection reserves at a time. Counting versions with each commit would make
 * a small commit a third more expensive.
 */
export const versionsAtOnce = 1_000;

/** A bound greater than every key: in SQLite every text is less than every blob. */
const endOfKeys = new Uint8Array(1);

/** A value that is bound to a statement. Node 22 binds some empty arrays as NULL, such as that of an empty text. */
const boundValue = "coalesce(?, zeroblob(0))";

// The table has rowids: with values larger than a page it is several times as fast, because a search then
// reads only keys, and with small values it makes no measurable difference. Keys are texts, which SQLite also
// compares bytewise, so they need no conversion.
const schema = `
  CREATE TABLE IF NOT EXISTS posthorn (
    key TEXT PRIMARY KEY NOT NULL, value BLOB NOT NULL, version INTEGER NOT NULL, expires INTEGER
  );
  CREATE INDEX IF NOT EXISTS posthorn_expires ON posthorn (expires) WHERE expires IS NOT NULL;
  CREATE TABLE IF NOT EXISTS posthorn_versions (id INTEGER PRIMARY KEY CHECK (id = 1), reserved INTEGER NOT NULL);
  INSERT OR IGNORE INTO posthorn_versions VALUES (1, 0);
  CREATE TABLE IF NOT EXISTS posthorn_bell (id INTEGER PRIMARY KEY CHECK (id = 1), rung INTEGER NOT NULL);
  INSERT OR IGNORE INTO posthorn_bell VALUES (1, 0);
`;

/** Configures the connection, and creates the tables if they do not exist. */
export function setUp(database: Database, synchronous: "full" | "normal", bytesMax: number): void {
  database.exec(`PRAGMA busy_timeout = ${blockMs}`);
  database.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = ${synchronous};
    PRAGMA wal_autocheckpoint = ${logPages}; PRAGMA journal_size_limit = ${logBytes};`);
  const page = database.prepare("PRAGMA page_size").get() as { readonly page_size: number };
  if (bytesMax !== Infinity) {
    database.exec(`PRAGMA max_page_count = ${Math.max(Math.floor(bytesMax / page.page_size), 1)}`);
  }
  database.exec(`BEGIN IMMEDIATE; ${schema} COMMIT;`);
}

/**
 * The part of `node:sqlite` that is used. Declared here, because not every consumer has the types of Node.
 */
export interface Database {
  exec(sql: string): void;
  prepare(sql: string): Statement;
  close(): void;
}

/** A value that can be bound to a statement. */
export type Value = string | number | null | Uint8Array;

/** A prepared statement. */
export interface Statement {
  run(...values: Value[]): { readonly changes: number | bigint };
  get(...values: Value[]): Record<string, unknown> | undefined;
  all(...values: Value[]): Record<string, unknown>[];
}

/** A row of a SELECT. */
interface Row {
  readonly key: string;
  readonly value: Uint8Array;
  readonly version: number;
}

/** All statements of a connection, by name. */
export type Statements = ReturnType<typeof prepare>;

/** Prepares all statements. */
export function prepare(database: Database) {
  const select = "SELECT key, value, version FROM posthorn WHERE key";
  const statements = {
    begin: "BEGIN IMMEDIATE",
    beginRead: "BEGIN",
    commit: "COMMIT",
    rollback: "ROLLBACK",
    reserve: `UPDATE posthorn_versions SET reserved = reserved + ${versionsAtOnce} RETURNING reserved`,
    get: `${select} = ?`,
    version: "SELECT version FROM posthorn WHERE key = ?",
    forward: `${select} >= max(?, ?) AND key < ? ORDER BY key LIMIT ?`,
    forwardBehind: `${select} > ? AND key < ? ORDER BY key LIMIT ?`,
    backward: `${select} >= ? AND key < min(?, ?) ORDER BY key DESC LIMIT ?`,
    put: `INSERT INTO posthorn VALUES (?, ${boundValue}, ?, ?) ON CONFLICT (key)
      DO UPDATE SET value = excluded.value, version = excluded.version, expires = excluded.expires`,
    add: `INSERT INTO posthorn VALUES (?, ${boundValue}, ?, ?) ON CONFLICT (key) DO NOTHING`,
    replace:
      `UPDATE posthorn SET value = ${boundValue}, version = ?, expires = ? WHERE key = ? AND version = ?`,
    remove: "DELETE FROM posthorn WHERE key = ?",
    removeVersion: "DELETE FROM posthorn WHERE key = ? AND version = ?",
    changes: "PRAGMA data_version",
    rung: "SELECT rung FROM posthorn_bell",
    ring: "UPDATE posthorn_bell SET rung = rung + 1 RETURNING rung",
    expired: "SELECT 1 FROM posthorn WHERE expires <= ? LIMIT 1",
    expire: `DELETE FROM posthorn WHERE rowid IN
      (SELECT rowid FROM posthorn WHERE expires <= ? ORDER BY expires LIMIT ?)`,
  };
  const prepared = Object.entries(statements).map(([name, sql]) => [name, database.prepare(sql)]);
  return Object.fromEntries(prepared) as Record<keyof typeof statements, Statement>;
}

/** The entries of these keys, in their order. */
export function readEntries({ get }: Statements, keys: readonly string[]): (Entry | undefined)[] {
  return keys.map((key) => {
    const row = get.get(key);
    return row === undefined ? undefined : toEntry(row);
  });
}

/** The entries of a range. */
export function listEntries(
  { forward, forwardBehind, backward }: Statements,
  { prefix, after, limit, reverse = false }: KeyRange,
): Entry[] {
  const end = endOf(prefix) ?? endOfKeys;
  const rows = reverse
    ? backward.all(prefix, end, after ?? endOfKeys, limit)
    : after?.startsWith(prefix)
    ? forwardBehind.all(after, end, limit)
    : forward.all(prefix, after ?? prefix, end, limit);
  return rows.map(toEntry);
}

/** Converts a row to an entry. */
function toEntry(row: Record<string, unknown>): Entry {
  const { key, value, version } = row as unknown as Row;
  return { key, value, version: String(version) };
}
