import { systemClock } from "../../../runtime/base/clock.ts";
import { messageOf } from "../../../runtime/base/errors.ts";
import { endOf, isBefore } from "../../../runtime/base/key_order.ts";
import type { Random } from "../../../runtime/base/random.ts";
import { OutcomeUnknownError, StoreError } from "../../../runtime/base/store_errors.ts";
import { within } from "../../../runtime/base/within.ts";
import { storeEngine } from "../../../runtime/durable/engine.ts";
import { Transactions } from "../../../runtime/durable/transactions.ts";
import { requireOneWord } from "../../../runtime/ports/one_word.ts";
import type {
  AtomicPart,
  Entry,
  KeyRange,
  Store,
  StoreConnection,
  StoreServices,
  StoreTraits,
} from "../../../runtime/ports/store.ts";
import type { Transaction } from "../../../runtime/ports/transaction.ts";
import { textArray } from "./binary_arrays.ts";
import { requireKey } from "./changes.ts";
import { CommitCall } from "./commit_call.ts";
import { PostgresExpiry } from "./expiry.ts";
import { failureOf, failureOfCommit, isInTheWay, stateOf } from "./failures.ts";
import { requireMigrated } from "./migration.ts";
import { PostgresNotifier } from "./notifier.ts";
import { PostgresPresence } from "./presence.ts";
import { complete, type PostgresOptions } from "./options.ts";
import { type OwnPool, poolOf, type PostgresPool } from "./pool.ts";
import { PostedWatch } from "./posted_watch.ts";
import { PostgresSession } from "./session.ts";
import { Statements } from "./statements.ts";
import { checkedVersion, drawVersion } from "./versions.ts";
import { type PostgresTransactionClient, WithinTransaction } from "./within.ts";

/** How often a commit that another one is in the way of is tried, and the longest delay before a try. */
const triesMax = 10;
const waitMsMax = 320;

/** The state if somebody else has a row in hand for long, and how often a part alone is tried then. */
const locked = "55P03";
/** The state if the server has ended a statement because of its time: the role has a limit that is shorter than that. */
const canceled = "57014";
const lockedTriesMax = 2;

/**
 * How long closing waits for what is under way, in milliseconds: without it, a server that does not answer would delay
 * it for as long as calls wait.
 */
const closeMs = 5_000;

const traits: StoreTraits = {
  name: "PostgreSQL",
  durability: "power",
  processes: "many",
  unknownOutcomes: true,
  commitsAtOnce: 2,
  fullCommitsAtOnce: 2,
  partsAtOnce: 50,
  heartbeatMs: 5_000,
  // a key must fit into a page of the index three times
  limits: {
    keyBytes: 2_600,
    valueBytes: Infinity,
    checks: 1_000,
    writes: 1_000,
    bytes: 16 * 1024 * 1024,
    keysBytes: Infinity,
  },
};

/** The store on PostgreSQL. */
export interface PostgresStore extends Store {
  /**
   * Sends within a transaction of the user's own, which no system need run for: what is sent is committed with it, and
   * rolled back with it. After the commit a system on the store handles it within some tens of milliseconds. The rows are
   * written by the client, whose role needs the same rights as the program.
   *
   * Sends wait for nobody, and nobody waits for the transaction, except who uses the same `id` for the same operation of the
   * same actor: as with a unique index, that waits for the end of the transaction. Outside of a transaction each send is
   * committed at once.
   *
   * @example
   * ```ts ignore
   * await client.query("BEGIN");
   * await client.query("INSERT INTO bills VALUES ($1, $2)", ["bill-7", 450]);
   * await store.within(client).ref(Order, "ada").tell(Order.paid, { cents: 450 }, { id: "bill-7" });
   * await client.query("COMMIT");
   * ```
   *
   * @param client a connection in a transaction
   * @throws {TypeError} if it is none, but a pool for instance
   */
  within(client: PostgresTransactionClient): Transaction;
}

/**
 * Creates a store in PostgreSQL 13 or later, for any number of processes on any number of machines. It needs the
 * package `pg`, which is loaded when the store is opened.
 *
 * A group of messages and turns is committed by one call of one function: one round trip and one transaction. What
 * the store needs is in a schema of its own, which it creates when it is opened first.
 *
 * A commit survives a loss of power as far as the server is configured so: `synchronous_commit` on, and with
 * replicas, `synchronous_standby_names`.
 *
 * @example
 * ```ts ignore
 * import { System } from "@posthorn/posthorn";
 * import { postgres } from "@posthorn/posthorn/postgres";
 *
 * const store = postgres("postgres://user:password@db.example/app?sslmode=verify-full");
 * await using system = new System({ actors: [], store });
 * ```
 *
 * @example Its properties
 * ```ts
 * import assert from "node:assert/strict";
 * import { postgres } from "@posthorn/posthorn/postgres";
 *
 * const { traits } = postgres("postgres://db.example/app", { watch: "poll" });
 * assert(traits.processes === "many" && traits.durability === "power");
 * ```
 *
 * @param target the URL of the database, as `pg` reads it, or a `pg.Pool`, which is not closed with the store. With
 * `watch: "listen"` one connection of the pool is taken for as long as the store is open, so it needs two or more
 * @param options the schema, and how to use the server
 * @returns the store, which is not opened yet
 * @throws {TypeError} if the target is neither a URL nor a pool
 * @throws {RangeError} if an option is out of its bounds, or the pool has too few connections
 */
export function postgres(target: string | PostgresPool, options: PostgresOptions = {}): PostgresStore {
  const { schema, migrate, watch, random } = complete(options);
  requireTarget(target);
  if (watch === "listen") requireTwo(target);
  const transactions = new Transactions({ traits, clock: systemClock(), random });
  const made = { checked: false };
  return {
    traits,
    engine: storeEngine,
    within: (client) => transactions.on(new WithinTransaction(client, { schema, random }, made)),
    async open(services) {
      const own = typeof target === "string" ? await loadPool(target) : undefined;
      const pool = own ?? (target as PostgresPool);
      const statements = new Statements(
        pool,
        services.clock,
        watch === "listen" ? `posthorn ${schema}` : undefined,
      );
      const end = async () => {
        statements.end(own === undefined);
        await own?.end();
      };
      try {
        await requireMigrated(statements, schema, migrate);
      } catch (error) {
        await end();
        throw failureOf("open", error);
      }
      const name = random.ulid(services.clock.now());
      const { clock } = services;
      const session = watch === "listen" ? new PostgresSession(statements, clock) : undefined;
      const notifier = new PostgresNotifier({ statements, clock, schema, session, name });
      return new PostgresConnection({ statements, notifier, session, schema, random, end }, services);
    },
  };
}

function requireTarget(target: unknown): void {
  if (typeof target === "string") {
    if (/^postgres(ql)?:\/\//.test(target)) return;
    throw new TypeError("Cannot use url of postgres: it must begin with postgres:// or postgresql://");
  }
  const pool = target as { readonly connect?: unknown } | null | undefined;
  if (typeof pool === "object" && pool !== null && typeof pool.connect === "function") return;
  throw new TypeError(`Cannot use target of postgres: it must be a URL or a pool: it is ${typeof target}`);
}

/** Whoever listens takes a connection for itself: with no other one, nothing would be answered. */
function requireTwo(target: string | PostgresPool): void {
  const { max } = (target as { readonly options?: { readonly max?: unknown } }).options ?? {};
  if (typeof max !== "number" || max >= 2) return;
  throw new RangeError(
    `Cannot use pool of postgres: with watch "listen" it needs 2 connections or more: current value of max is ${max}`,
  );
}

async function loadPool(url: string): Promise<OwnPool> {
  try {
    return await poolOf(url);
  } catch (error) {
    if (error instanceof StoreError) throw error;
    throw new StoreError("store-unavailable", `Cannot open PostgreSQL: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

interface ConnectionParts {
  readonly statements: Statements;
  readonly notifier: PostgresNotifier;
  /** The session that the connection keeps, if it has one. */
  readonly session: PostgresSession | undefined;
  readonly schema: string;
  readonly random: Random;
  /** Closes what was opened for the connection. */
  end(): Promise<void>;
}

class PostgresConnection implements StoreConnection {
  readonly presence: PostgresPresence | undefined;
  readonly #parts: ConnectionParts;
  readonly #services: StoreServices;
  readonly #expiry: PostgresExpiry;
  readonly #underWay = new Set<Promise<unknown>>();
  readonly #posted: PostedWatch;
  readonly #sql: Readonly<Record<"read" | "list" | "expire", string>>;
  readonly #commit: CommitCall;
  #closed: Promise<void> | undefined;

  constructor(parts: ConnectionParts, services: StoreServices) {
    this.#parts = parts;
    this.#services = services;
    const { schema, session, statements } = parts;
    this.presence = session && new PostgresPresence({ statements, session, clock: services.clock, schema });
    this.presence?.begin();
    this.#posted = new PostedWatch({ ...parts, clock: services.clock });
    this.#sql = {
      read: `SELECT * FROM "${schema}".read($1::text[])`,
      list: `SELECT * FROM "${schema}".list($1::text, $2::text, $3::boolean, $4::int)`,
      expire: `SELECT "${schema}".expire($1::bigint, $2::int)::text`,
    };
    this.#commit = new CommitCall(schema);
    this.#expiry = new PostgresExpiry(services.clock, parts.random, async (untilMs, count) => {
      const [[gone]] = await statements.run("expire", this.#sql.expire, [Math.floor(untilMs), count]);
      return Number(gone);
    });
  }

  read(keys: readonly string[]): Promise<(Entry | undefined)[]> {
    return this.#run("read from", async () => {
      if (keys.length === 0) return [];
      const found = await this.#read(keys);
      return keys.map((key) => {
        const entry = found.get(key);
        if (entry !== undefined) found.set(key, { ...entry, value: entry.value.slice() }); // asked for twice: not shared
        return entry;
      });
    });
  }

  list({ prefix, after, limit, reverse = false }: KeyRange): Promise<Entry[]> {
    return this.#run("list", async () => {
      let low = prefix;
      let high = endOf(prefix);
      if (after !== undefined && reverse && (high === undefined || isBefore(after, high))) high = after;
      if (after !== undefined && !reverse && !isBefore(after, prefix)) low = next(after);
      requireKey(low);
      const values = [low, high ?? null, reverse, limit];
      return (await this.#parts.statements.run("list", this.#sql.list, values)).map(toEntry);
    });
  }

  commit(parts: readonly AtomicPart[]): Promise<(string | undefined)[]> {
    return this.#run("commit to", async () => {
      if (parts.length === 0) return [];
      requireOneWord(parts);
      const changes = parts.some(({ writes, removals }) => writes.length > 0 || removals.length > 0);
      return changes ? await this.#write(parts) : await this.#test(parts);
    });
  }

  watch(onChange: (posted?: boolean) => void): Disposable {
    if (this.#closed !== undefined) return { [Symbol.dispose]: () => {} };
    return this.#posted.watch(onChange);
  }

  close(): Promise<void> {
    return this.#closed ??= this.#close();
  }

  async #close(): Promise<void> {
    this.#parts.notifier.leave();
    await within(this.#services.clock, closeMs, this.#end());
  }

  async #end(): Promise<void> {
    while (this.#underWay.size > 0) await Promise.allSettled(this.#underWay);
    await this.presence?.end();
    await this.#expiry.end();
    await this.#posted.end();
    await this.#parts.notifier.end();
    await this.#parts.session?.end();
    await this.#parts.end();
  }

  async #write(parts: readonly AtomicPart[]): Promise<(string | undefined)[]> {
    const version = drawVersion(this.#parts.random);
    const applied = await this.#call(parts, version);
    const isApplied = (index: number) => applied === null || applied[index] === "1";
    let expiring = 0;
    let rings = false;
    for (const [index, part] of parts.entries()) {
      if (!isApplied(index)) continue;
      rings ||= part.rings === true;
      for (const { expiresAtMs } of part.writes) if (expiresAtMs !== undefined) expiring++;
    }
    if (expiring > 0) this.#expiry.share(expiring);
    if (rings) this.#parts.notifier.ring();
    return parts.map((_, index) => isApplied(index) ? version : undefined);
  }

  /** Commits, and again while other commits are in the way: nothing has been done then. */
  async #call(parts: readonly AtomicPart[], version: string): Promise<string | null> {
    const { statements } = this.#parts;
    for (let tries = 1;; tries++) {
      try {
        return await this.#commit.run(parts, version, (...statement) => statements.run(...statement));
      } catch (error) {
        if ([locked, canceled].includes(stateOf(error)) && parts.length > 1) throw error;
        if (stateOf(error) === locked && tries === lockedTriesMax) throw lockedOut(error);
        if (!isInTheWay(error) || tries === triesMax) throw failureOfCommit(error);
      }
      const waitMs = this.#parts.random.next() * Math.min(10 * 2 ** tries, waitMsMax);
      await new Promise<void>((resolve) => void this.#services.clock.setTimer(waitMs, resolve));
    }
  }

  /** Evaluates parts that only check, in one snapshot, without writing. */
  async #test(parts: readonly AtomicPart[]): Promise<(string | undefined)[]> {
    const keys = new Set(parts.flatMap(({ checks }) => checks.map(({ key }) => key)));
    const found = keys.size === 0 ? new Map<string, Entry>() : await this.#read([...keys]);
    const holds = ({ checks }: AtomicPart) =>
      checks.every(({ key, version }) =>
        found.get(key)?.version === (version === undefined ? undefined : checkedVersion(version))
      );
    return parts.map((part) => holds(part) ? "0" : undefined);
  }

  async #read(keys: readonly string[]): Promise<Map<string, Entry>> {
    for (const key of keys) requireKey(key);
    const rows = await this.#parts.statements.run("read", this.#sql.read, [textArray(keys)]);
    return new Map(rows.map(toEntry).map((entry) => [entry.key, entry]));
  }

  async #run<Result>(what: string, work: () => Promise<Result>): Promise<Result> {
    if (this.#closed !== undefined) {
      throw new StoreError("store-closed", `Cannot ${what} PostgreSQL: the connection is closed`);
    }
    const working = work();
    this.#underWay.add(working);
    try {
      return await working;
    } catch (error) {
      if (error instanceof TypeError || error instanceof OutcomeUnknownError) throw error;
      throw what === "commit to" && error instanceof Error && "code" in error
        ? error
        : failureOf(what, error);
    } finally {
      this.#underWay.delete(working);
    }
  }
}

/**
 * A transaction of a user holds what a part needs. It is refused, because nobody knows how long the transaction stays
 * open. Several parts are refused with another error, and then come one by one.
 */
function lockedOut(cause: unknown): StoreError {
  const why = `a lock is held for long, as if an open transaction uses the same id: ${messageOf(cause)}`;
  return new StoreError("store-unavailable", `Cannot commit to PostgreSQL: ${why}`, { cause });
}

/** The key that follows one: PostgreSQL has no texts with the character NUL, so it is the one with the next character. */
function next(key: string): string {
  return `${key}\u0001`;
}

function toEntry(row: unknown[]): Entry {
  const [key, { buffer, byteOffset, byteLength }, version] = row as [string, Uint8Array<ArrayBuffer>, string];
  return { key, value: new Uint8Array(buffer, byteOffset, byteLength), version };
}
