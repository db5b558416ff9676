// What the SQLite store says to its file: how that is laid out, and every statement.

import type { Entry } from "../../../runtime/ports/store.ts";

/** How long a call waits for the lock while nothing else of the process runs. Heartbeats must go on. */
const blockMs = 4;
/** After so many pages the log is written into the file: a few more than usual, for hot pages then go there less often. */
const logPages = 4_000;
/** What is left of the log's file once it has been written into the file. */
const logBytes = 64 * 1024 * 1024;
/** How many expired values go at once: few, since all waits for it. When there are more, the next go soon. */
export const expiredAtOnce = 500;

/** How many versions a connection reserves at once: to count each commit would cost a small one a third more. */
export const versionsAtOnce = 1_000;

/** What is behind all keys: a text is below every blob. */
export const endOfKeys = new Uint8Array(1);

// Values of more than a page are several times as fast with rowids, for then a search passes only keys; small ones are
// as fast within the noise. As texts keys are compared bytewise too, and need no conversion.
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

/** Makes what a connection needs, where it is not there. */
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

/** What is used of `node:sqlite`, whose types not everybody has. */
export interface Database {
  exec(sql: string): void;
  prepare(sql: string): Statement;
  close(): void;
}

/** What a statement takes. */
export type Value = string | number | null | Uint8Array;

/** A statement that was prepared. */
export interface Statement {
  run(...values: Value[]): { readonly changes: number | bigint };
  get(...values: Value[]): Record<string, unknown> | undefined;
  all(...values: Value[]): Record<string, unknown>[];
}

/** A row as it is selected. */
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
    put: `INSERT INTO posthorn VALUES (?, ?, ?, ?) ON CONFLICT (key)
      DO UPDATE SET value = excluded.value, version = excluded.version, expires = excluded.expires`,
    add: "INSERT INTO posthorn VALUES (?, ?, ?, ?) ON CONFLICT (key) DO NOTHING",
    replace: "UPDATE posthorn SET value = ?, version = ?, expires = ? WHERE key = ? AND version = ?",
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

/** What a row says. */
export function toEntry(row: Record<string, unknown>): Entry {
  const { key, value, version } = row as unknown as Row;
  return { key, value, version: String(version) };
}
