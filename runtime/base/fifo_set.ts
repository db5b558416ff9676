/**
 * A set that removes the item that was added first, in constant time. A new iterator would step over all removed
 * items; this set keeps one iterator.
 */
export class FifoSet<Item> extends Set<Item> {
  #oldest: Iterator<Item> | undefined;

  /** Removes the item that was added first, and returns it: `undefined` if the set is empty. */
  takeOldest(): Item | undefined {
    let next = this.#oldest?.next();
    if (next === undefined || next.done) next = (this.#oldest = this.values()).next();
    this.delete(next.value);
    return next.value;
  }
}
