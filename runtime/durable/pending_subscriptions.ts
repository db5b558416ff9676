import { SingleFlight } from "../base/single_flight.ts";
import { StoreError } from "../base/store_errors.ts";
import { type RetryServices, retryWhileUnavailable } from "../scheduling/retry_while_unavailable.ts";

/** How many subscriptions, and ends of subscriptions, may wait for the store before new ones are refused. */
const waitingMax = 10_000;

/**
 * The subscriptions of this process that the store has not taken yet, by topic. What this process publishes afterwards
 * comes behind them.
 */
export class PendingSubscriptions {
  readonly #services: RetryServices;
  readonly #byTopic = new Map<string, Set<SingleFlight>>();
  #waiting = 0;

  constructor(services: RetryServices) {
    this.#services = services;
  }

  /**
   * Throws a `StoreError` (`store-unavailable`) if too many wait to begin another. Ending one is never refused: each
   * subscription ends once.
   */
  requireRoom(topic: string): void {
    if (this.#waiting < waitingMax) return;
    const full = `${this.#waiting} of ${waitingMax} subscriptions wait for the store`;
    throw new StoreError("store-unavailable", `Cannot subscribe to ${topic}: ${full}`);
  }

  /**
   * Makes or ends a subscription with `attempt`: at once, and again while the store is away, until `givenUp` says that
   * nobody wants it any more.
   */
  async request(topic: string, attempt: () => Promise<void>, givenUp: () => boolean): Promise<void> {
    const attempts = new SingleFlight(attempt);
    const all = this.#byTopic.get(topic) ?? new Set();
    this.#byTopic.set(topic, all.add(attempts));
    this.#waiting++;
    try {
      await retryWhileUnavailable(this.#services, () => attempts.run(), givenUp);
    } finally {
      this.#waiting--;
      all.delete(attempts);
      if (all.size === 0 && this.#byTopic.get(topic) === all) this.#byTopic.delete(topic);
    }
  }

  /**
   * Tries those of a topic at once. Rejects if the store does not take one of them; returns nothing if there is none.
   */
  settle(topic: string): Promise<void> | undefined {
    const all = this.#byTopic.get(topic);
    if (all === undefined) return undefined;
    const settled = Promise.all([...all].map((attempts) => attempts.run())).then(() => {});
    settled.catch(() => {}); // the store may turn out not to open before anybody waits for it
    return settled;
  }
}
