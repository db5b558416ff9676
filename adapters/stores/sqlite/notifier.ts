import type { Cancel, Clock } from "../../../runtime/base/clock.ts";
import type { Statements } from "./database.ts";

/**
 * The intervals in milliseconds at which commits of other connections are looked for while there are watchers. After a
 * notification the interval is the shortest, because an answer often follows, and with each poll in vain it grows. A poll
 * takes 4 µs.
 */
const pollMsMin = 1;
const pollMsMax = 20;
const growth = 1.25;

/**
 * Notifies watchers that another connection has committed a part with `rings`. SQLite tells whether others
 * have committed; a row counts the commits that ring, so that other commits do not wake the watchers.
 */
export class SqliteNotifier {
  readonly #statements: Statements;
  readonly #clock: Clock;
  readonly #watchers = new Set<{ readonly onChange: () => void }>();
  /** The data version at the last poll; it changes with commits of other connections. */
  #changes: unknown;
  /** The counter of ringing commits at the last poll, plus later ones of this connection alone. */
  #rung: unknown;
  #cancelPoll: Cancel | undefined;
  #pollMs = pollMsMax;

  constructor(statements: Statements, clock: Clock) {
    this.#statements = statements;
    this.#clock = clock;
  }

  /** Calls `onChange` when another connection has committed a part with `rings`. */
  watch(onChange: () => void): Disposable {
    const watcher = { onChange };
    this.#watchers.add(watcher);
    if (this.#cancelPoll === undefined) {
      this.#changes = this.#othersChanges();
      this.#rung = this.#statements.rung.get()!.rung;
      this.#poll();
    }
    return {
      [Symbol.dispose]: () => {
        this.#watchers.delete(watcher);
        if (this.#watchers.size === 0) this.#endPoll();
      },
    };
  }

  /**
   * Increments the counter within a transaction. Call the returned function after the transaction has
   * committed.
   */
  ring(): () => void {
    const rung = this.#statements.ring.get()!.rung as number;
    return () => {
      // else another connection rang before, and the watchers have yet to be notified of it
      if (rung - 1 === this.#rung) this.#rung = rung;
      this.#pollSoon();
    };
  }

  /** Removes all watchers and stops polling. */
  end(): void {
    this.#watchers.clear();
    this.#endPoll();
  }

  /** The data version: it changes with commits of other connections, and not with those of this one. */
  #othersChanges(): unknown {
    return this.#statements.changes.get()?.data_version;
  }

  #poll(): void {
    this.#cancelPoll = this.#clock.setTimer(this.#pollMs, () => {
      const changed = this.#hasChanged();
      this.#pollMs = changed ? pollMsMin : Math.min(this.#pollMs * growth, pollMsMax);
      this.#poll();
      if (!changed) return;
      for (const watcher of [...this.#watchers]) if (this.#watchers.has(watcher)) watcher.onChange();
    });
  }

  /** This connection has notified others, and one of them may answer. */
  #pollSoon(): void {
    if (this.#cancelPoll === undefined || this.#pollMs === pollMsMin) return;
    this.#cancelPoll();
    this.#pollMs = pollMsMin;
    this.#poll();
  }

  /** Whether another connection has committed a part with `rings` since the last poll. */
  #hasChanged(): boolean {
    try {
      const changes = this.#othersChanges();
      if (changes === this.#changes) return false;
      const { rung } = this.#statements.rung.get()!;
      this.#changes = changes;
      if (rung === this.#rung) return false;
      this.#rung = rung;
      return true;
    } catch {
      return false; // the next poll tries again
    }
  }

  #endPoll(): void {
    this.#cancelPoll?.();
    this.#cancelPoll = undefined;
  }
}
