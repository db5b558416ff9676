import type { Clock } from "../../../runtime/base/clock.ts";
import type { StorePresence } from "../../../runtime/ports/store.ts";
import { isOfConnection } from "./failures.ts";
import type { PostgresClient } from "./pool.ts";
import type { PostgresSession, SessionUse } from "./session.ts";
import type { Statements } from "./statements.ts";

/**
 * For how long the lock of an instance must have been free before its process counts as ended, in milliseconds: a
 * process whose session was terminated or cut takes the lock again in that time.
 */
const graceMs = 250;
/** How many instances whose lock is free are remembered. */
const freeMax = 1_000;

/** What the presence needs. */
export interface PresenceParts {
  readonly statements: Statements;
  readonly session: PostgresSession;
  readonly clock: Clock;
  readonly schema: string;
}

/**
 * Detects soon which processes have ended: each holds an advisory lock in its session, which ends with the process. But
 * sessions end for other reasons too, and the lock of all processes is free when the server restarts or another one
 * takes its place. So a free lock means something only together with a row, written when the lock was taken, that names
 * the start of the server. The table is not logged: it is empty after a crash of the server and on a replica. A row
 * that is there and names the present start proves that the server has not ended since, so that this one session has.
 *
 * A process that is still there takes the lock again, with a new row. If it cannot do so in time, it counts as ended
 * although it is not, which costs runs of handlers, and nothing else.
 */
export class PostgresPresence implements StorePresence {
  readonly #parts: PresenceParts;
  readonly #table: string;
  /** What the name of a lock begins with: advisory locks belong to the whole database. */
  readonly #prefix: string;
  readonly #held = new Map<string, SessionUse>();
  /** The instances whose lock was free, with the time of their registration, and since when it is. */
  readonly #free = new Map<string, { readonly taken: string; readonly sinceMs: number }>();
  /** What ends a wait before its time. */
  readonly #waits = new Set<() => void>();
  #beginning: Promise<void> | undefined;
  #ended = false;

  constructor(parts: PresenceParts) {
    this.#parts = parts;
    this.#table = `"${parts.schema}".presence`;
    this.#prefix = `posthorn.${parts.schema}.`;
  }

  async hold(instance: string): Promise<boolean> {
    let held = true; // unless it turns out that it cannot be: a session that cannot begin now takes it later
    const use = async (client: PostgresClient) => {
      try {
        held = await this.#isDirect(client);
        if (held) await this.#take(client, instance);
      } catch (error) {
        if (isOfConnection(error)) throw error;
        held = false; // a right that is missing: the session is good for the rest
      }
    };
    this.#held.set(instance, use);
    await this.#parts.session.keep(use);
    return held;
  }

  /** Looks which locks are free as soon as the store is open: if they still are when somebody asks, that is sooner. */
  begin(): void {
    this.#beginning = this.#freeOf("true").then((found = new Map()) => {
      for (const [instance, taken] of found) this.#isSurelyFree(instance, taken);
    });
  }

  /** If locks are free, but none for long enough, it asks again when they are. */
  async gone(instances: readonly string[]): Promise<ReadonlySet<string>> {
    for (let isLast = false;; isLast = true) {
      const found = await this.#freeOf("instance = ANY($2::text[])", instances);
      if (found === undefined) return new Set();
      const gone = new Set(instances.filter((instance) => this.#isSurelyFree(instance, found.get(instance))));
      if (isLast || gone.size > 0 || found.size === 0) return gone;
      const since = instances.flatMap((instance) => this.#free.get(instance)?.sinceMs ?? []);
      await this.#wait(Math.max(...since) + graceMs - this.#parts.clock.monotonicMs());
      if (this.#ended) return new Set();
    }
  }

  /** Ends what waits. Resolves when its first look is over. */
  async end(): Promise<void> {
    this.#ended = true;
    for (const end of this.#waits) end();
    await this.#beginning;
  }

  async release(instance: string): Promise<void> {
    const { statements, session } = this.#parts;
    const use = this.#held.get(instance);
    this.#held.delete(instance);
    this.#free.delete(instance);
    try {
      await statements.rows(`DELETE FROM ${this.#table} WHERE instance = $1`, [instance]);
    } catch {
      // the next instance to start deletes it
    }
    if (use === undefined) return;
    const unlock = "SELECT pg_advisory_unlock_shared(hashtextextended($1, 0))";
    await session.drop(use, async (client) => {
      if (await this.#isDirect(client)) await statements.on(client, unlock, [this.#prefix + instance]);
    });
  }

  async retain(instances: ReadonlySet<string>): Promise<void> {
    const free = this.#sqlOfFree("instance <> ALL($2::text[])");
    try {
      await this.#parts.statements.rows(
        `DELETE FROM ${this.#table} WHERE instance IN (SELECT instance FROM (${free}) free) OR ` +
          "server <> pg_postmaster_start_time() AND instance <> ALL($2::text[])",
        [this.#prefix, [...instances]],
      );
    } catch {
      // the next instance to start does
    }
  }

  /** Whether the session is of the server, and not of a pooler, which gives what it has taken to others. */
  async #isDirect(client: PostgresClient): Promise<boolean> {
    const [[pid]] = await this.#parts.statements.on(client, "SELECT pg_backend_pid()::text");
    return pid === String(client.processID);
  }

  /**
   * Takes the lock, and then writes the row: whoever sees the row may rely on the lock. It is a shared one, which a
   * session that the server has not yet noticed to be lost does not keep from the one that follows it.
   */
  async #take(client: PostgresClient, instance: string): Promise<void> {
    const { statements } = this.#parts;
    const lock = "SELECT pg_advisory_lock_shared(hashtextextended($1, 0))";
    await statements.on(client, lock, [this.#prefix + instance]);
    await statements.on(
      client,
      `INSERT INTO ${this.#table} VALUES ($1, pg_postmaster_start_time(), clock_timestamp()) ` +
        "ON CONFLICT (instance) DO UPDATE SET server = excluded.server, taken = excluded.taken",
      [instance],
    );
  }

  /** The query of registrations that meet a condition and whose lock is free. It holds the lock only while it runs. */
  #sqlOfFree(condition: string): string {
    return `WITH known AS MATERIALIZED (SELECT instance, taken FROM ${this.#table} ` +
      `WHERE server = pg_postmaster_start_time() AND ${condition}) ` +
      "SELECT instance, taken::text FROM known WHERE pg_try_advisory_xact_lock(hashtextextended($1 || instance, 0))";
  }

  /** The instances that meet the condition and whose lock is free, with the time of their registration. */
  async #freeOf(condition: string, ...values: unknown[]): Promise<Map<string, string> | undefined> {
    const name = values.length === 0 ? "all gone" : "gone";
    try {
      const rows = await this.#parts.statements.run(name, this.#sqlOfFree(condition), [
        this.#prefix,
        ...values,
      ]);
      return new Map(rows as [string, string][]);
    } catch {
      return undefined;
    }
  }

  /** Notes whether a lock is free now, and under which registration. Returns whether it has been for long enough. */
  #isSurelyFree(instance: string, taken: string | undefined): boolean {
    const known = this.#free.get(instance);
    const nowMs = this.#parts.clock.monotonicMs();
    if (known !== undefined && known.taken === taken) return nowMs - known.sinceMs >= graceMs;
    this.#free.delete(instance);
    if (taken !== undefined) this.#free.set(instance, { taken, sinceMs: nowMs });
    if (this.#free.size > freeMax) this.#free.delete(this.#free.keys().next().value!);
    return false;
  }

  async #wait(ms: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const cancel = this.#parts.clock.setTimer(ms, resolve);
    this.#waits.add(resolve);
    await promise;
    this.#waits.delete(resolve);
    cancel();
  }
}
