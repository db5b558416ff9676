import type { QueuedMessage } from "../rows/queued_message.ts";

/** The most messages of one batch: no instance has more of an actor's mail in hand. */
export const batchMax = 64;

/**
 * What of an actor's mail an instance may have had in hand when it ended without a word: the first of what waits, whoever
 * wrote it, for it may have run what others had written before. What is behind these it cannot have run.
 */
export class Suspicion {
  /** Those of them that ended without a word. */
  readonly #ended: ReadonlySet<string>;
  /** Those whose mail is suspected: all but this one. */
  readonly #writers: ReadonlySet<string>;
  /** The last place that is suspected. */
  readonly #lastPlace: string;

  constructor(ended: ReadonlySet<string>, writers: ReadonlySet<string>, lastPlace: string) {
    this.#ended = ended;
    this.#writers = writers;
    this.#lastPlace = lastPlace;
  }

  /**
   * Of what is listed now. What was listed before and is handled by now makes no room for more, unless another instance
   * has ended since then.
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
