import type { AtomicPart, Entry, StoreConnection } from "@posthorn/posthorn/store";
import type { TransactionConnection } from "../../../runtime/ports/transaction.ts";

/** A transaction of a user on any store: nobody sees what it writes before it is committed, as one part. */
export class UserTransaction implements TransactionConnection {
  readonly #connection: StoreConnection;
  readonly #written = new Map<string, Uint8Array>();
  readonly #parts: AtomicPart[] = [];

  constructor(connection: StoreConnection) {
    this.#connection = connection;
  }

  async read(keys: readonly string[]): Promise<(Entry | undefined)[]> {
    const stored = await this.#connection.read(keys);
    return keys.map((key, index) => {
      const value = this.#written.get(key);
      return value === undefined ? stored[index] : { key, value, version: "own" };
    });
  }

  async count(prefix: string, most: number): Promise<{ readonly messages: number; readonly bytes: number }> {
    const stored = await this.#connection.list({ prefix, limit: Math.min(most, 1_000) });
    const own = [...this.#written].filter(([key]) => key.startsWith(prefix)).map(([, value]) => ({ value }));
    const all = [...stored, ...own].slice(0, most);
    return { messages: all.length, bytes: all.reduce((sum, { value }) => sum + value.length, 0) };
  }

  async commit(part: AtomicPart): Promise<boolean> {
    const found = await this.read(part.checks.map(({ key }) => key));
    if (!part.checks.every(({ version }, index) => found[index]?.version === version)) return false;
    for (const { key, value } of part.writes) this.#written.set(key, value);
    this.#parts.push(part);
    return true;
  }

  /** Commits. Resolves with false if another transaction was faster with one of its ids. */
  async end(): Promise<boolean> {
    if (this.#parts.length === 0) return true;
    const checks = this.#parts.flatMap(({ checks }) => checks);
    const writes = this.#parts.flatMap(({ writes }) => writes);
    if (checks.length === 0) checks.push({ key: writes[0].key, version: undefined }); // it is applied once
    const [version] = await this.#connection.commit([{ checks, writes, removals: [] }]);
    return version !== undefined;
  }
}
