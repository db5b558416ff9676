import { StoreError } from "../base/store_errors.ts";

/** How many subscriptions, and ends of subscriptions, may wait before no other is begun. */
const waitingMax = 10_000;

/**
 * Subscriptions that were made here and that the store has not taken yet, by topic. What is published here afterwards
 * comes behind them.
 */
export class PendingSubscriptions {
  readonly #byTopic = new Map<string, Set<Attempts>>();
  #waiting = 0;

  /**
   * Throws a `StoreError` (`store-unavailable`) where so many wait that no other subscription is begun. To end one is
   * never refused: each has one end, and is bounded where it was made.
   */
  requireRoom(topic: string): void {
    if (this.#waiting < waitingMax) return;
    const full = `${this.#waiting} of ${waitingMax} subscriptions wait for the store`;
    throw new StoreError("store-unavailable", `Cannot subscribe to ${topic}: ${full}`);
  }

  /** A subscription: `attempt` asks the store for it once. It is tried again until `over` says that it is. */
  add(topic: string, attempt: () => Promise<void>): { attempt(): Promise<void>; over(): void } {
    const attempts = new Attempts(attempt);
    const all = this.#byTopic.get(topic) ?? new Set();
    this.#byTopic.set(topic, all.add(attempts));
    this.#waiting++;
    return {
      attempt: () => attempts.attempt(),
      over: () => {
        if (all.delete(attempts)) this.#waiting--;
        if (all.size === 0 && this.#byTopic.get(topic) === all) this.#byTopic.delete(topic);
      },
    };
  }

  /** Tries those of a topic at once. Rejects where the store does not take one; nothing where there is none. */
  settle(topic: string): Promise<void> | undefined {
    const all = this.#byTopic.get(topic);
    if (all === undefined) return undefined;
    const settled = Promise.all([...all].map((attempts) => attempts.attempt())).then(() => {});
    settled.catch(() => {}); // the store may turn out not to open before anybody waits for it
    return settled;
  }
}

/** One subscription, for which one attempt is under way at a time. */
class Attempts {
  readonly #attempt: () => Promise<void>;
  #underWay: Promise<void> | undefined;

  constructor(attempt: () => Promise<void>) {
    this.#attempt = attempt;
  }

  attempt(): Promise<void> {
    return this.#underWay ??= this.#attempt().finally(() => this.#underWay = undefined);
  }
}
