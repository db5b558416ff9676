import type { Cancel, Clock } from "../../../runtime/base/clock.ts";
import type { PostgresClient } from "./pool.ts";
import type { Statements } from "./statements.ts";

/**
 * How long to wait before a session is begun again that could not be, in milliseconds. It doubles with each attempt. After
 * one that was there, the next begins at once.
 */
const againMsMin = 50;
const againMsMax = 1_000;

/** Something that a session is for: to listen, or to hold a lock. */
export type SessionUse = (client: PostgresClient) => Promise<void>;

/**
 * The session of the server that this connection keeps for itself, from its first use on. If it ends (the server
 * restarts, somebody terminates it, the network cuts it), another one begins at once, and does what it is for again.
 */
export class PostgresSession {
  readonly #statements: Statements;
  readonly #clock: Clock;
  readonly #uses = new Set<SessionUse>();
  #client: PostgresClient | undefined;
  /** Beginning a session, while that is under way. */
  #beginning: Promise<void> | undefined;
  #cancelWait: Cancel = () => {};
  #againMs = 0;
  #ended = false;

  constructor(statements: Statements, clock: Clock) {
    this.#statements = statements;
    this.#clock = clock;
  }

  /**
   * Does this on the session, and on each later one. Resolves with whether it is done by now. That the session has ended may
   * become known only by this: then it is done on the next one.
   */
  async keep(use: SessionUse): Promise<boolean> {
    this.#uses.add(use);
    if (this.#beginning === undefined && this.#client !== undefined) await this.#do(this.#client, use);
    if (this.#beginning !== undefined || this.#client === undefined) {
      await (this.#beginning ??= this.#begin());
    }
    return this.#client !== undefined;
  }

  /** Does not do this on later sessions any more, but `undo` on the present one, if there is one. */
  async drop(use: SessionUse, undo: SessionUse): Promise<void> {
    this.#uses.delete(use);
    await this.#beginning;
    if (this.#client !== undefined) await this.#do(this.#client, undo);
  }

  /** Ends it, and resolves when nothing is under way. */
  async end(): Promise<void> {
    this.#ended = true;
    this.#cancelWait();
    await this.#beginning;
    const client = this.#client;
    this.#client = undefined;
    client?.release(true);
  }

  async #begin(): Promise<void> {
    this.#cancelWait();
    const client = this.#client = await this.#statements.take().catch(() => undefined);
    for (const event of ["error", "end"]) client?.on(event, () => this.#lost(client));
    for (const use of this.#uses) {
      if (client !== undefined && client === this.#client) await this.#do(client, use);
    }
    this.#beginning = undefined;
    if (this.#client === undefined) this.#beginLater();
    else this.#againMs = 0;
  }

  async #do(client: PostgresClient, use: SessionUse): Promise<void> {
    try {
      await use(client);
    } catch {
      this.#lost(client);
    }
  }

  #lost(client: PostgresClient): void {
    if (this.#client !== client) return;
    this.#client = undefined;
    client.release(true);
    if (this.#beginning === undefined) this.#beginLater();
  }

  #beginLater(): void {
    if (this.#ended) return;
    this.#cancelWait();
    const delayMs = this.#againMs;
    this.#againMs = Math.min(Math.max(delayMs * 2, againMsMin), againMsMax);
    this.#cancelWait = this.#clock.setTimer(delayMs, () => this.#beginning = this.#begin());
  }
}
