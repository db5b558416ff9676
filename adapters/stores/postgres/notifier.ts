import type { Cancel, Clock } from "../../../runtime/base/clock.ts";
import type { PostgresSession } from "./session.ts";
import type { Statements } from "./statements.ts";

/** The shortest time between two notifications, in milliseconds: what is committed meanwhile shares the next one. */
const betweenMs = 2;
/** The intervals of polls in milliseconds: the shortest after a change, and with each poll in vain it grows. */
const pollMsMin = 10;
const pollMsMax = 50;
const growth = 1.25;

/** What the notifier needs. */
export interface NotifierParts {
  readonly statements: Statements;
  readonly clock: Clock;
  readonly schema: string;
  /** The session that listens; without one it polls. */
  readonly session: PostgresSession | undefined;
  /** A name that no other connection has. */
  readonly name: string;
}

/**
 * Tells watchers that another connection has committed a part with `rings`. The notification is a statement of its
 * own after the commit: within it, `NOTIFY` takes a lock of the whole server until the commit ends, so that commits
 * wait for each other. If the process ends between the two, the next look of the others finds what was committed.
 * The statement also counts, for those who poll.
 */
export class PostgresNotifier {
  readonly #parts: NotifierParts;
  readonly #watchers = new Set<{ readonly onChange: (payload?: string) => void }>();
  readonly #channel: string;
  readonly #bell: string;
  #sending: Promise<void> | undefined;
  #again = false;
  #cancelWait: Cancel | undefined;
  #watching: { end(): Promise<void> } | undefined;
  /** How often it was rung when that was looked up last, and later by this connection alone. */
  #rung: string | undefined;
  #pollMs = pollMsMin;

  constructor(parts: NotifierParts) {
    this.#parts = parts;
    this.#channel = `posthorn_${parts.schema}`;
    this.#bell = `"${parts.schema}".bell`;
  }

  /** Calls `onChange` when another connection has committed a part with `rings`, with what it said if that was heard. */
  watch(onChange: (payload?: string) => void): Disposable {
    const watcher = { onChange };
    this.#watchers.add(watcher);
    const { session } = this.#parts;
    this.#watching ??= session === undefined ? this.#poll() : this.#listen(session);
    return { [Symbol.dispose]: () => void this.#watchers.delete(watcher) };
  }

  /** Notifies the others, soon. */
  ring(): void {
    if (this.#cancelWait !== undefined || this.#sending !== undefined) {
      this.#again = true;
      return;
    }
    this.#cancelWait = this.#parts.clock.setTimer(betweenMs, () => {
      this.#cancelWait = undefined;
      this.#ringAgain();
    });
    this.#sending = this.#send();
  }

  /** Removes all watchers. */
  leave(): void {
    this.#watchers.clear();
  }

  /** Stops, and resolves when nothing is under way. */
  async end(): Promise<void> {
    await this.#watching?.end();
    await this.#sending;
    this.#cancelWait?.();
    if (this.#again) await this.#send();
  }

  #ringAgain(): void {
    if (!this.#again || this.#cancelWait !== undefined || this.#sending !== undefined) return;
    this.#again = false;
    this.ring();
  }

  async #send(): Promise<void> {
    const { statements, name } = this.#parts;
    try {
      const [[, rung]] = await statements.run(
        "ring",
        "SELECT pg_notify($1::text, $2::text)::text, nextval($3::text::regclass)",
        [this.#channel, name, this.#bell],
      ) as [[string, string]];
      // else another connection rang before, and the watchers have yet to be told
      if (this.#rung !== undefined && BigInt(rung) - 1n === BigInt(this.#rung)) this.#rung = rung;
    } catch {
      // a notification may be lost: it only makes others earlier
    }
    this.#sending = undefined;
    this.#ringAgain();
  }

  #heard(payload?: string): void {
    for (const watcher of [...this.#watchers]) if (this.#watchers.has(watcher)) watcher.onChange(payload);
  }

  /** Listens on the session. What was missed before a session began nobody knows, so the watchers are called. */
  #listen(session: PostgresSession): { end(): Promise<void> } {
    const { statements, name } = this.#parts;
    void session.keep(async (client) => {
      client.on("notification", ({ payload }: { readonly payload?: string }) => {
        if (payload !== name) this.#heard(payload);
      });
      await statements.on(client, `LISTEN "${this.#channel}"`);
      this.#heard();
    });
    return { end: () => Promise.resolve() }; // it ends with the session
  }

  /** Polls until it is stopped, as long as there are watchers. */
  #poll(): { end(): Promise<void> } {
    const { statements, clock } = this.#parts;
    let ended = false;
    let underWay: Promise<void> | undefined;
    let cancel: Cancel = () => {};
    const wait = () => {
      if (!ended) cancel = clock.setTimer(this.#pollMs, () => underWay = look());
    };
    const look = async () => {
      let changed = false;
      try {
        if (this.#watchers.size > 0) {
          const [[rung]] = await statements.run(
            "rung",
            `SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM ${this.#bell}`,
            [],
          );
          changed = rung !== this.#rung;
          this.#rung = rung as string;
        }
      } catch {
        // the next poll tries again
      }
      this.#pollMs = changed ? pollMsMin : Math.min(this.#pollMs * growth, pollMsMax);
      if (changed) this.#heard();
      wait();
    };
    wait();
    return {
      end: async () => {
        ended = true;
        cancel();
        await underWay;
      },
    };
  }
}
