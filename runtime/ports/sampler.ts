/** Chooses the messages of a sample: at most one in some milliseconds of the monotonic clock. */
export class Sampler {
  /** Whether the next message is one of the sample. The first one is. */
  due = true;
  #lookedMs = -Infinity;
  #takenMs = -Infinity;

  /** The clock was read. Returns whether a message has become due by that. */
  look(monotonicMs: number, everyMs: number): boolean {
    this.#lookedMs = monotonicMs;
    if (this.due || monotonicMs - this.#takenMs < everyMs) return false;
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

/** Draws messages one by one, and counts those that are not drawn, by protocol. */
export class CountedSampler {
  readonly #sampler = new Sampler();
  /** How many messages came since the last one of the sample. */
  readonly #since = new Map<string, number>();

  /** Begins a sample: what came before it counts for nothing. */
  begin(): void {
    this.#since.clear();
  }

  /** Draws the next message. Returns how many of its protocol it stands for, with itself; 0 if it is not of the sample. */
  draw(protocol: string, monotonicMs: number, everyMs: number): number {
    const stands = (this.#since.get(protocol) ?? 0) + 1;
    this.#sampler.look(monotonicMs, everyMs);
    const taken = this.#sampler.take();
    this.#since.set(protocol, taken ? 0 : stands);
    return taken ? stands : 0;
  }
}
