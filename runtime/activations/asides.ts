import type { Envelope } from "../messages/envelope.ts";
import type { Timer, Timers } from "../scheduling/timers.ts";

interface Aside {
  readonly timer: Timer;
  readonly envelope: Envelope;
}

/** Messages of one actor that stepped aside: they come back after a while, and the others go on. */
export class Asides {
  readonly #timers: Timers;
  readonly #asides = new Set<Aside>();

  constructor(timers: Timers) {
    this.#timers = timers;
  }

  /** How many there are. */
  get size(): number {
    return this.#asides.size;
  }

  /** How many bytes they take, of those whose size is known. */
  get bytes(): number {
    let bytes = 0;
    for (const { envelope } of this.#asides) bytes += envelope.route.rarities?.bytes ?? 0;
    return bytes;
  }

  /** Puts one aside; `back` is called when it comes back. */
  add(envelope: Envelope, afterMs: number, back: () => void): void {
    const timer = this.#timers.set(afterMs, () => {
      this.#asides.delete(aside);
      back();
    });
    const aside: Aside = { timer, envelope };
    this.#asides.add(aside);
  }

  /** Takes all of them: they do not come back. */
  take(): Envelope[] {
    const envelopes = Array.from(this.#asides, ({ timer, envelope }) => {
      timer.cancel();
      return envelope;
    });
    this.#asides.clear();
    return envelopes;
  }
}
