import type { Random } from "../../../runtime/base/random.ts";
import type { AtomicPart, Entry } from "../../../runtime/ports/store.ts";
import type { TransactionConnection } from "../../../runtime/ports/transaction.ts";
import { requireKey } from "./changes.ts";
import { requireMade } from "./migration.ts";
import { channelOf } from "./posted_watch.ts";
import { checkedVersion, drawVersion } from "./versions.ts";

/**
 * A connection in a transaction of the user, as {@linkcode PostgresStore.within} takes it: `pg.Client` and `pg.PoolClient`
 * are ones. A pool is none, because each of its statements may run on another connection. Any other client becomes one by
 * a line: `{ query: async (text, values) => ({ rows: await sql.unsafe(text, values) }) }` with postgres.js.
 */
export interface PostgresTransactionClient {
  /** Runs a statement, and resolves with its rows: objects by column, or arrays. */
  query(text: string, values?: unknown[]): Promise<{ readonly rows: readonly object[] }>;
  /** Only pools have it. */
  readonly totalCount?: never;
}

/** Runs the statements of sends in a transaction of the user. */
export class WithinTransaction implements TransactionConnection {
  readonly #client: PostgresTransactionClient;
  readonly #schema: string;
  readonly #random: Random;
  readonly #made: { checked: boolean };

  /** `made` is shared by the transactions of a store: one of them checks the schema. */
  constructor(
    client: PostgresTransactionClient,
    { schema, random }: { readonly schema: string; readonly random: Random },
    made: { checked: boolean },
  ) {
    requireClient(client);
    this.#client = client;
    this.#schema = schema;
    this.#random = random;
    this.#made = made;
  }

  async read(keys: readonly string[]): Promise<(Entry | undefined)[]> {
    for (const key of keys) requireKey(key);
    const text = `SELECT k AS a, encode(v, 'hex') AS b, t::text AS c FROM "${this.#schema}".read($1::text[])`;
    const rows = await this.#rows(text, [arrayOf(keys)]);
    const found = new Map(rows.map(([key, value, version]) => [key, { value: fromHex(value), version }]));
    return keys.map((key) => {
      const entry = found.get(key);
      return entry && { key, ...entry };
    });
  }

  async count(prefix: string, most: number): Promise<{ readonly messages: number; readonly bytes: number }> {
    requireKey(prefix);
    const text = `SELECT n::text AS a, b::text AS b FROM "${this.#schema}".held($1::text, $2::int)`;
    const [[messages, bytes]] = await this.#rows(text, [prefix, most]);
    return { messages: Number(messages), bytes: Number(bytes) };
  }

  async commit({ checks, writes }: AtomicPart): Promise<boolean> {
    for (const { key } of writes) requireKey(key);
    const replaced = checks.find(({ version }) => version !== undefined);
    const text = `SELECT "${this.#schema}".send($1::bigint, $2::text[], $3::text[], $4::bigint[], ` +
      "$5::text, $6::bigint, $7::text)::text AS a";
    const [[applied]] = await this.#rows(text, [
      drawVersion(this.#random),
      arrayOf(writes.map(({ key }) => key)),
      arrayOf(writes.map(({ value }) => toHex(value))),
      `{${writes.map(({ expiresAtMs }) => expiryOf(expiresAtMs)).join()}}`,
      replaced?.key ?? null,
      replaced === undefined ? null : checkedVersion(replaced.version!),
      channelOf(this.#schema),
    ]);
    return applied === "true";
  }

  async #rows(text: string, values: unknown[]): Promise<string[][]> {
    if (!this.#made.checked) {
      await requireMade(
        async (text, values) => (await this.#client.query(text, values)).rows.map(Object.values),
        this.#schema,
      );
      this.#made.checked = true;
    }
    const { rows } = await this.#client.query(text, values);
    return rows.map((row) => Object.values(row) as string[]);
  }
}

/** For programs that no compiler has checked. */
function requireClient(client: Partial<PostgresTransactionClient> | null | undefined): void {
  if (typeof client?.query === "function" && !("totalCount" in client)) return;
  const why = typeof client?.query === "function"
    ? "it is a pool, each of whose statements may run on another connection: take a client of it"
    : "it has no query";
  throw new TypeError(`Cannot use client of within: it must be a client in a transaction: ${why}`);
}

/** An array of texts as PostgreSQL spells it: any client sends it as a text. */
function arrayOf(items: readonly string[]): string {
  return `{${items.map((item) => `"${item.replace(/["\\]/g, "\\$&")}"`).join()}}`;
}

/** Later than any date is never, which is 0: the user's session may have `array_nulls` off. */
function expiryOf(expiresAtMs: number | undefined): string {
  return expiresAtMs === undefined || expiresAtMs > 8.64e15 ? "0" : String(Math.ceil(expiresAtMs));
}

function fromHex(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length / 2);
  for (let index = 0; index < bytes.length; index++) {
    bytes[index] = parseInt(text.slice(2 * index, 2 * index + 2), 16);
  }
  return bytes;
}

const digits = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

function toHex(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += digits[byte];
  return text;
}
