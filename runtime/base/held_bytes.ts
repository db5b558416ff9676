/**
 * An upper estimate of how many bytes wait in a mailbox, in messages whose size is known. Removing a message costs
 * nothing: only if one more may be too much are the waiting messages counted again.
 */
export class HeldBytes {
  #most = 0;
  /** Messages that wait apart from the mailbox. */
  aside: { readonly bytes: number } | undefined = undefined;

  /**
   * Counts so many bytes more. If that is more than may wait, it returns how many wait. An empty mailbox takes a
   * message of any size, because it could never come in otherwise. `count` counts the bytes in the mailbox.
   */
  take(bytes: number, bound: number, count: () => number): number | undefined {
    if (this.#most + bytes > bound) this.#most = count() + (this.aside?.bytes ?? 0);
    if (this.#most > 0 && this.#most + bytes > bound) return this.#most;
    this.#most += bytes;
    return undefined;
  }

  /** Counts so many bytes more, whatever the bound: their message is in the mailbox. */
  add(bytes: number): void {
    this.#most += bytes;
  }
}
