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
