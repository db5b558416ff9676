import type { Clock } from "../../../runtime/base/clock.ts";
import { failureOfConnection, isOfConnection } from "./failures.ts";
import type { PostgresClient, PostgresPool, PostgresQuery } from "./pool.ts";
import { TimeLimits } from "./time_limits.ts";

/**
 * How long to wait for a connection, and for an answer, in milliseconds. A server that is gone without a word would
 * keep a connection of the pool for as long as the network thinks that it is there.
 */
const connectMs = 10_000;
const answerMs = 30_000;

/** Runs statements on connections of a pool. */
export class Statements {
  readonly #pool: PostgresPool;
  readonly #limits: TimeLimits;
  readonly #prefix: string | undefined;
  /** The connections that have it, and what forgets each when it has ended. */
  readonly #guarded = new Map<PostgresClient, () => void>();
  /**
   * A connection that is lost says so by an event, too, which ends the process if nobody listens. The pool listens only
   * while a connection is idle, and one may be lost in the moment in which it is taken, so each has a listener from its
   * beginning.
   */
  readonly #guard = (client: PostgresClient) => {
    if (this.#guarded.has(client)) return;
    const forget = () => void this.#guarded.delete(client);
    this.#guarded.set(client, forget);
    client.on("error", ignore);
    client.on("end", forget);
  };

  /**
   * Creates it. With a prefix, connections prepare what is used again and again, under a name that begins with it: two
   * stores may share a pool.
   */
  constructor(pool: PostgresPool, clock: Clock, prefix?: string) {
    this.#pool = pool;
    this.#limits = new TimeLimits(clock);
    this.#prefix = prefix;
    pool.on("error", ignore); // from a connection that was idle, which the pool removes
    pool.on("connect", this.#guard);
  }

  /** Runs a statement that is used again and again. */
  async run(name: string, text: string, values: unknown[]): Promise<unknown[][]> {
    const query: PostgresQuery = { text, values, rowMode: "array" };
    return await this.#query(
      this.#prefix === undefined ? query : { ...query, name: `${this.#prefix} ${name}` },
    );
  }

  /** Runs a statement once. */
  async rows(text: string, values: unknown[]): Promise<unknown[][]> {
    return await this.#query({ text, values, rowMode: "array" });
  }

  /** Runs a statement without values. */
  async script(text: string): Promise<void> {
    await this.#query({ text, rowMode: "array" });
  }

  /** Runs a statement on a connection that was taken. */
  async on(client: PostgresClient, text: string, values: unknown[] = []): Promise<unknown[][]> {
    const { rows } = await this.#limits.within(answerMs, client.query({ text, values, rowMode: "array" }));
    return rows;
  }

  /** Ends its timer. Leaves the pool as it was if others use it. */
  end(isShared: boolean): void {
    this.#limits.end();
    if (!isShared) return; // its last connections may say that they are lost when it has ended
    this.#pool.off("error", ignore);
    this.#pool.off("connect", this.#guard);
    for (const [client, forget] of this.#guarded) { // they may outlive many stores
      client.off("error", ignore);
      client.off("end", forget);
    }
    this.#guarded.clear();
  }

  /** Takes a connection for a longer time. Whoever takes it releases it. Rejects with a `StoreError`. */
  async take(): Promise<PostgresClient> {
    const connecting = this.#pool.connect();
    try {
      const client = await this.#limits.within(connectMs, connecting);
      this.#guard(client);
      return client;
    } catch (error) {
      connecting.then((client) => client.release(), () => {}); // later than anybody waits for it
      throw failureOfConnection(error);
    }
  }

  async #query(query: PostgresQuery): Promise<unknown[][]> {
    const client = await this.take();
    try {
      const { rows } = await this.#limits.within(answerMs, client.query(query));
      client.release();
      return rows;
    } catch (error) {
      client.release(isOfConnection(error));
      throw error;
    }
  }
}

export function ignore(): void {}
