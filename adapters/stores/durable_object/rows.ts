// The table of the store in a Durable Object, and its statements. Cloudflare counts what is written by rows, of tables and of
// indexes: without a rowid a row is one, and with it two.

import { endOf } from "../../../runtime/base/key_order.ts";
import { expectedOf } from "../../../runtime/ports/one_word.ts";
import type { AtomicPart, Entry, KeyRange } from "../../../runtime/ports/store.ts";
import type { ObjectSql } from "./storage.ts";

const schema = `CREATE TABLE IF NOT EXISTS posthorn (
  key TEXT PRIMARY KEY NOT NULL, value BLOB NOT NULL, version TEXT NOT NULL, expires INTEGER
) WITHOUT ROWID`;
const index = "CREATE INDEX IF NOT EXISTS posthorn_expires ON posthorn (expires) WHERE expires IS NOT NULL";
const put = `INSERT INTO posthorn VALUES (?, ?, ?, ?) ON CONFLICT (key)
  DO UPDATE SET value = excluded.value, version = excluded.version, expires = excluded.expires`;
const add = "INSERT INTO posthorn VALUES (?, ?, ?, ?) ON CONFLICT (key) DO NOTHING";
const replace = "UPDATE posthorn SET value = ?, version = ?, expires = ? WHERE key = ? AND version = ?";
const remove = "DELETE FROM posthorn WHERE key = ?";
const removeVersion = "DELETE FROM posthorn WHERE key = ? AND version = ?";
const expire = `DELETE FROM posthorn WHERE key IN
  (SELECT key FROM posthorn WHERE expires <= ? ORDER BY expires LIMIT ?)`;
const select = "SELECT key, value, version FROM posthorn WHERE key";
const get = `${select} = ?`;
const forward = `${select} >= max(?, ?) AND key < ? ORDER BY key LIMIT ?`;
const forwardBehind = `${select} > ? AND key < ? ORDER BY key LIMIT ?`;
const backward = `${select} >= ? AND key < min(?, ?) ORDER BY key DESC LIMIT ?`;
const version = "SELECT version FROM posthorn WHERE key = ?";
/** A bound greater than every key: in SQLite every text is less than every blob. */
const endOfKeys = new Uint8Array(1);

/** The rows of the store in the database of a Durable Object. */
export class ObjectRows {
  readonly #sql: ObjectSql;

  constructor(sql: ObjectSql) {
    this.#sql = sql;
  }

  /** Makes the table, unless it is there. */
  create(): void {
    this.#sql.exec(schema);
    this.#sql.exec(index);
  }

  read(key: string): Entry | undefined {
    const [row] = this.#sql.exec(get, key).toArray();
    return row === undefined ? undefined : toEntry(row);
  }

  list({ prefix, after, limit, reverse = false }: KeyRange): Entry[] {
    const end = endOf(prefix) ?? endOfKeys;
    const rows = reverse
      ? this.#sql.exec(backward, prefix, end, after ?? endOfKeys, limit)
      : after?.startsWith(prefix)
      ? this.#sql.exec(forwardBehind, after, end, limit)
      : this.#sql.exec(forward, prefix, after ?? prefix, end, limit);
    return rows.toArray().map(toEntry);
  }

  /** Whether all checks of a part hold. */
  holds({ checks }: AtomicPart): boolean {
    return checks.every(({ key, version }) => this.#versionOf(key) === version);
  }

  /**
   * Applies a part. Checking and writing a key is one statement. If a check fails, returns `false`; the part may then be
   * applied in part.
   */
  apply({ checks, writes, removals }: AtomicPart, version: string): boolean {
    const expected = expectedOf(checks);
    if (expected === undefined) return false;
    for (const { key, value, expiresAtMs } of writes) {
      const expires = expiresAtMs === undefined || expiresAtMs === Infinity ? null : Math.ceil(expiresAtMs);
      const was = expected.get(key);
      const known = expected.delete(key);
      if (!known) this.#write(put, key, value, version, expires);
      else if (was === undefined) {
        if (!this.#write(add, key, value, version, expires)) return false;
      } else if (!this.#write(replace, value, version, expires, key, was)) return false;
    }
    for (const { key } of removals) {
      const was = expected.get(key);
      if (was !== undefined) {
        if (!this.#write(removeVersion, key, was)) return false;
        expected.delete(key);
      } else if (!expected.has(key)) this.#write(remove, key);
    }
    for (const [key, was] of expected) if (this.#versionOf(key) !== was) return false;
    return true;
  }

  /** Deletes some of the values that have expired. */
  expire(nowMs: number, most: number): void {
    this.#write(expire, nowMs, most);
  }

  #versionOf(key: string): string | undefined {
    const [row] = this.#sql.exec(version, key).toArray();
    return row?.version as string | undefined;
  }

  /** Runs a statement, and returns whether it has written anything. */
  #write(query: string, ...values: (string | number | null | Uint8Array)[]): boolean {
    return this.#sql.exec(query, ...values).rowsWritten > 0;
  }
}

function toEntry({ key, value, version }: Record<string, unknown>): Entry {
  return { key: key as string, value: new Uint8Array(value as ArrayBuffer), version: version as string };
}
