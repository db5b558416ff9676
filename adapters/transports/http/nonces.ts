/** How many requests are known. */
const noncesMax = 400_000;

/**
 * The requests that were accepted and are still valid: each is accepted once. Up to 400,000; a service that has as many as
 * are free gets no further ones, so one that sends too many takes none from the others.
 */
export class Nonces {
  /** By service: when each is no longer valid, in milliseconds since 1970, oldest first. */
  readonly #known = new Map<string, Map<string, number>>();
  #size = 0;

  /** How many are known. */
  get size(): number {
    return this.#size;
  }

  /** Notes one of a service. Returns `known` if it was noted before, and `full` if there is no room for it. */
  add(from: string, nonce: string, validUntilMs: number, nowMs: number): "new" | "known" | "full" {
    for (const nonces of this.#known.values()) this.#forgetOld(nonces, nowMs);
    const own = this.#known.get(from) ?? new Map<string, number>();
    if (own.has(nonce)) return "known";
    if (own.size >= noncesMax - this.#size) return "full";
    this.#known.set(from, own.set(nonce, validUntilMs));
    this.#size++;
    return "new";
  }

  #forgetOld(nonces: Map<string, number>, nowMs: number): void {
    for (const [old, untilMs] of nonces) {
      if (untilMs >= nowMs) return; // those behind it are about as young
      nonces.delete(old);
      this.#size--;
    }
  }
}
