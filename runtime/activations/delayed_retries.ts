import type { Envelope } from "../messages/envelope.ts";
import type { Timer, Timers } from "../scheduling/timers.ts";

interface DelayedRetry {
  readonly timer: Timer;
  readonly envelope: Envelope;
}

/** Messages of one actor that stepped aside: they come back after a while, and the others go on. */
export class DelayedRetries {
  readonly #timers: Timers;
  readonly #delayedRetries = new Set<DelayedRetry>();

  constructor(timers: Timers) {
    this.#timers = timers;
  }

  /** How many there are. */
  get size(): number {
    return this.#delayedRetries.size;
  }

  /** How many bytes they take, of those whose size is known. */
  get bytes(): number {
    let bytes = 0;
    for (const { envelope } of this.#delayedRetries) bytes += envelope.route.extras?.bytes ?? 0;
    return bytes;
  }

  /** Puts one aside; `back` is called when it comes back. */
  add(envelope: Envelope, afterMs: number, back: () => void): void {
    const timer = this.#timers.set(afterMs, () => {
      this.#delayedRetries.delete(aside);
      back();
    });
    const aside: DelayedRetry = { timer, envelope };
    this.#delayedRetries.add(aside);
  }

  /** Takes all of them: they do not come back. */
  take(): Envelope[] {
    const envelopes = Array.from(this.#delayedRetries, ({ timer, envelope }) => {
      timer.cancel();
      return envelope;
    });
    this.#delayedRetries.clear();
    return envelopes;
  }
}
