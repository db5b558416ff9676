import type { Envelope, Route } from "../messages/envelope.ts";
import type { Timer, Timers } from "../scheduling/timers.ts";

/** A message that waits for its next attempt. */
export interface DelayedRetry {
  readonly timer: Timer;
  readonly envelope: Envelope;
}

/** Messages of one actor that wait for their next attempt apart from the mailbox, while later messages are handled. */
export class DelayedRetries {
  readonly #timers: Timers;
  readonly #delayedRetries = new Set<DelayedRetry>();

  constructor(timers: Timers) {
    this.#timers = timers;
  }

  /** How many messages wait. */
  get size(): number {
    return this.#delayedRetries.size;
  }

  /** How many bytes the messages have whose size is known. */
  get bytes(): number {
    let bytes = 0;
    for (const { envelope } of this.#delayedRetries) bytes += envelope.route.extras?.bytes ?? 0;
    return bytes;
  }

  /** Those that wait now. */
  list(): readonly DelayedRetry[] {
    return [...this.#delayedRetries];
  }

  /** Adds a message. After the delay it is removed, and `back` is called. */
  add(envelope: Envelope, afterMs: number, back: () => void): void {
    const timer = this.#timers.set(afterMs, () => {
      this.#delayedRetries.delete(aside);
      back();
    });
    const aside: DelayedRetry = { timer, envelope };
    this.#delayedRetries.add(aside);
  }

  /** Removes and returns the first message whose route has a property: `back` is not called for it. */
  takeOut(which: (route: Route) => boolean): Envelope | undefined {
    const found = this.#delayedRetries.values().find(({ envelope }) => which(envelope.route));
    if (found === undefined) return undefined;
    found.timer.cancel();
    this.#delayedRetries.delete(found);
    return found.envelope;
  }

  /** Removes and returns all messages: `back` is not called for them. */
  take(): Envelope[] {
    const envelopes = Array.from(this.#delayedRetries, ({ timer, envelope }) => {
      timer.cancel();
      return envelope;
    });
    this.#delayedRetries.clear();
    return envelopes;
  }
}
