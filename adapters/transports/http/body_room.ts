/** How many bytes of bodies are in memory: a Durable Object has 128 MB for everything. */
const bytesMax = 67_108_864;

/**
 * Room for the bodies of requests, from their first byte until what they brought is accepted: 64 MiB, or two of the
 * largest. A service that has as much as is free gets no more, so one that sends too much takes none from the others.
 */
export class BodyRoom {
  readonly #bytesMax: number;
  readonly #held = new Map<string, number>();
  #size = 0;

  constructor(largestBytes: number) {
    this.#bytesMax = Math.max(bytesMax, 2 * largestBytes);
  }

  /** How many bytes are held. */
  get size(): number {
    return this.#size;
  }

  /** Holds some bytes of a service. Returns `false` if there is no room for them. */
  take(from: string, bytes: number): boolean {
    const own = (this.#held.get(from) ?? 0) + bytes;
    if (own > this.#bytesMax - this.#size) return false;
    this.#held.set(from, own);
    this.#size += bytes;
    return true;
  }

  /** Some bytes of a service are not held any more. */
  give(from: string, bytes: number): void {
    const left = (this.#held.get(from) ?? 0) - bytes;
    if (left > 0) this.#held.set(from, left);
    else this.#held.delete(from);
    this.#size -= bytes;
  }
}
