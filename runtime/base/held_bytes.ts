/**
 * How many bytes wait in a mailbox at most, of the messages whose size is known. To take one out costs nothing: only when
 * one more may be too much is what waits looked through, and counted.
 */
export class HeldBytes {
  #most = 0;
  /** What waits apart from the mailbox. */
  aside: { readonly bytes: number } | undefined = undefined;

  /**
   * Takes in so many more, unless that is more than may wait: then it returns how many wait. Where nothing waits one is
   * taken in however large it is, or it never could be. `count` looks through the mailbox.
   */
  take(bytes: number, bound: number, count: () => number): number | undefined {
    if (this.#most + bytes > bound) this.#most = count() + (this.aside?.bytes ?? 0);
    if (this.#most > 0 && this.#most + bytes > bound) return this.#most;
    this.#most += bytes;
    return undefined;
  }
}
