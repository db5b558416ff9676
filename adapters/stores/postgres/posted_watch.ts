import type { Cancel, Clock } from "../../../runtime/base/clock.ts";
import { postedPrefix } from "../../../runtime/ports/transaction.ts";
import type { PostgresNotifier } from "./notifier.ts";
import type { Statements } from "./statements.ts";

/** What a notification says that a transaction of a user sends. */
export const payloadOfPosted = "posted";
/** The interval of looks in milliseconds, and how long after the last message, or the last send, they end. */
const lookMs = 25;
const looksForMs = 30_000;
/** For how long a look counts, in milliseconds: transactions that send within that time do not notify. */
export const lookedForMs = 1_000;

/** The channel of the notifications of a schema. */
export function channelOf(schema: string): string {
  return `posthorn_${schema}`;
}

/** What the watch needs. */
export interface PostedWatchParts {
  readonly statements: Statements;
  readonly notifier: PostgresNotifier;
  readonly clock: Clock;
  readonly schema: string;
}

/**
 * Notices what transactions of users have sent. No code of ours runs when such a transaction commits, so the notification
 * is in the transaction. There it takes a lock of the whole server until the commit has ended, so only few do it: who hears
 * one looks for messages again and again, until none was sent for a while, and while somebody looks, transactions do not
 * notify (`announce`). If one stays open for longer than that, or who looks crashes, the next heartbeat finds its messages.
 */
export class PostedWatch {
  readonly #parts: PostedWatchParts;
  readonly #watchers = new Set<(posted: true) => void>();
  readonly #text: string;
  #untilMs = -Infinity;
  #looking: Promise<void> | undefined;
  #cancel: Cancel = () => {};
  /** How many messages transactions have sent, as far as it was looked up, also those that were rolled back. */
  #sends: string | undefined;
  #ended = false;

  constructor(parts: PostedWatchParts) {
    this.#parts = parts;
    this.#text = `SELECT messages::text, sends::text FROM "${parts.schema}".look($1::text, $2::boolean)`;
  }

  /** Calls `onChange` for what other connections commit, and with `true` when a transaction may have sent something. */
  watch(onChange: (posted?: boolean) => void): Disposable {
    this.#watchers.add(onChange);
    const watching = this.#parts.notifier.watch((payload) => {
      if (payload === payloadOfPosted) return this.#begin();
      onChange();
      if (payload === undefined) this.#look(); // who polls hears no words, and a session that begins has missed some
    });
    return {
      [Symbol.dispose]: () => {
        this.#watchers.delete(onChange);
        watching[Symbol.dispose]();
      },
    };
  }

  /** Stops, and resolves when nothing is under way. */
  async end(): Promise<void> {
    this.#ended = true;
    this.#cancel();
    await this.#looking;
  }

  /** A transaction notified: looks now, and for a while. */
  #begin(): void {
    this.#untilMs = this.#parts.clock.monotonicMs() + looksForMs;
    this.#tell();
    this.#look();
  }

  #look(): void {
    if (this.#ended) return;
    this.#cancel();
    this.#looking ??= this.#lookOnce();
  }

  async #lookOnce(): Promise<void> {
    const { statements, clock } = this.#parts;
    const again = clock.monotonicMs() < this.#untilMs;
    try {
      const [[messages, sends]] = await statements.run("look", this.#text, [postedPrefix, again]);
      const isNews = this.#sends !== undefined && this.#sends !== sends;
      this.#sends = sends as string;
      if (isNews || messages !== "0") this.#untilMs = clock.monotonicMs() + looksForMs;
      if (messages !== "0") this.#tell();
    } catch {
      // the next look or heartbeat finds it
    }
    this.#looking = undefined;
    // The last looks are for who relies on the one before them.
    if (this.#ended || clock.monotonicMs() >= this.#untilMs + 2 * lookedForMs) return;
    this.#cancel = clock.setTimer(lookMs, () => this.#look());
  }

  #tell(): void {
    for (const watcher of [...this.#watchers]) if (this.#watchers.has(watcher)) watcher(true);
  }
}
