/** How many requests are known. */
const nonceMax = 100_000;

/** The requests that were accepted and are still valid: each is accepted once. Up to 100,000. */
export class Nonces {
  /** When each is no longer valid, in milliseconds since 1970, oldest first. */
  readonly #known = new Map<string, number>();

  /** How many are known. */
  get size(): number {
    return this.#known.size;
  }

  /** Notes one. Returns `known` if it was noted before, and `full` if there is no room for it. */
  add(nonce: string, validUntilMs: number, nowMs: number): "new" | "known" | "full" {
    for (const [old, untilMs] of this.#known) {
      if (untilMs >= nowMs) break; // those behind it are about as young
      this.#known.delete(old);
    }
    if (this.#known.has(nonce)) return "known";
    if (this.#known.size >= nonceMax) return "full";
    this.#known.set(nonce, validUntilMs);
    return "new";
  }
}
