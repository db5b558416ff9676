/** Chooses the messages of a sample: at most one in a millisecond of the monotonic clock. */
export class Sampler {
  /** Whether the next message is one of the sample. The first one is. */
  due = true;
  #lookedMs = -Infinity;
  #takenMs = -Infinity;

  /** The clock was read. Returns whether a message has become due by that. */
  look(monotonicMs: number): boolean {
    this.#lookedMs = monotonicMs;
    if (this.due || monotonicMs - this.#takenMs < 1) return false;
    return this.due = true;
  }

  /** Takes the next message for the sample, if it is due. */
  take(): boolean {
    if (!this.due) return false;
    this.#takenMs = this.#lookedMs;
    this.due = false;
    return true;
  }
}

/** Draws messages one by one, and counts those that are not drawn. */
export class CountedSampler {
  readonly #sampler = new Sampler();
  #since = 0;

  /** Draws the next message. Returns how many it stands for: those since the last one of the sample, and itself; 0 if it is none. */
  draw(monotonicMs: number): number {
    this.#since++;
    this.#sampler.look(monotonicMs);
    if (!this.#sampler.take()) return 0;
    const stands = this.#since;
    this.#since = 0;
    return stands;
  }
}
