import type { QueuedMessage } from "../rows/queued_message.ts";

/** The most messages of one batch: no instance handles more messages of an actor at once. */
export const batchMax = 64;

/**
 * The messages of an actor that a crashed instance may have been handling: the first of those that wait, whichever instance
 * wrote them. It cannot have been handling those behind.
 */
export class Suspicion {
  /** The instances that crashed. */
  readonly #ended: ReadonlySet<string>;
  /** The instances whose messages are suspected: all but this one. */
  readonly #writers: ReadonlySet<string>;
  /** The position of the last suspected message. */
  readonly #lastPlace: string;

  constructor(ended: ReadonlySet<string>, writers: ReadonlySet<string>, lastPlace: string) {
    this.#ended = ended;
    this.#writers = writers;
    this.#lastPlace = lastPlace;
  }

  /**
   * Suspects the first of the listed messages. If no other instance has crashed since `before`, it suspects none behind
   * those of then.
   */
  static of(
    mails: readonly QueuedMessage[],
    writers: ReadonlySet<string>,
    ended: ReadonlySet<string>,
    before: Suspicion | undefined,
  ): Suspicion {
    if (before !== undefined && ended.isSubsetOf(before.#ended)) {
      return new Suspicion(before.#ended, writers, before.#lastPlace);
    }
    const stored = mails.filter(({ key }) => key !== undefined);
    return new Suspicion(ended, writers, stored[Math.min(stored.length, batchMax) - 1]?.place ?? "");
  }

  /** Whether a message is suspected. */
  has({ head, place }: QueuedMessage): boolean {
    return place <= this.#lastPlace && this.#writers.has(head.via);
  }
}
