import type { Cancel, Clock } from "../../../runtime/base/clock.ts";
import type { Statements } from "./database.ts";

/** How often others are looked for while somebody watches: 4 µs each time. */
const pollMs = 20;

/**
 * Tells who watches that another connection has committed something that rings. SQLite says that others have committed;
 * a row counts what rang, so that nobody is woken by the rest.
 */
export class SqliteNotifier {
  readonly #statements: Statements;
  readonly #clock: Clock;
  readonly #watchers = new Set<{ readonly onChange: () => void }>();
  /** What others have committed when it was looked at last. */
  #changes: unknown;
  /** How often it had rung by then, and since then by this connection alone. */
  #rung: unknown;
  #cancelPoll: Cancel | undefined;

  constructor(statements: Statements, clock: Clock) {
    this.#statements = statements;
    this.#clock = clock;
  }

  /** Calls `onChange` when another connection has rung. */
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

  /** Rings, within a transaction. Returns what is to be told once that is committed. */
  ring(): () => void {
    const rung = this.#statements.ring.get()!.rung as number;
    return () => {
      if (rung - 1 === this.#rung) this.#rung = rung; // else others have rung before: that is still to be heard
    };
  }

  /** Nobody hears anything any more. */
  end(): void {
    this.#watchers.clear();
    this.#endPoll();
  }

  /** Names what others have committed so far; what this connection commits does not change it. */
  #othersChanges(): unknown {
    return this.#statements.changes.get()?.data_version;
  }

  #poll(): void {
    this.#cancelPoll = this.#clock.setTimer(pollMs, () => {
      this.#poll();
      try {
        const changes = this.#othersChanges();
        if (changes === this.#changes) return;
        const { rung } = this.#statements.rung.get()!;
        this.#changes = changes;
        if (rung === this.#rung) return;
        this.#rung = rung;
      } catch {
        return; // it is looked at again soon
      }
      for (const watcher of [...this.#watchers]) if (this.#watchers.has(watcher)) watcher.onChange();
    });
  }

  #endPoll(): void {
    this.#cancelPoll?.();
    this.#cancelPoll = undefined;
  }
}
