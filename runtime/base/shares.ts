/** An item that is held. */
export interface Held {
  /** Releases it, if it is still held. */
  release(): void;
}

/**
 * Items that many owners hold within one bound. Past it the oldest item of the owner that holds the most is evicted. So
 * an owner cannot evict items of others that hold less. An owner is a path of names: the first name that holds the most
 * is chosen first, then the one within it.
 */
export class Shares<Item> {
  readonly #bound: number;
  readonly #all: Share<Item> = new Share(undefined, "");
  #count = 0;

  constructor(bound: number) {
    this.#bound = bound;
  }

  /** How much is held. */
  get size(): number {
    return this.#all.size;
  }

  /** Holds one more item. Calls `onEvicted` for each item that is evicted, which may be this one. */
  add(owner: readonly string[], item: Item, size: number, onEvicted: (item: Item) => void): Held {
    let share = this.#all;
    for (const name of owner) share = share.of(name);
    const entry = new ShareEntry(share, item, size, ++this.#count);
    share.append(entry);
    while (this.#all.size > this.#bound) {
      const oldest = this.#all.oldestOfMost;
      oldest.release();
      onEvicted(oldest.item);
    }
    return entry;
  }
}

/** A held item, linked in the list of its owner. */
class ShareEntry<Item> implements Held {
  readonly #share: Share<Item>;
  readonly item: Item;
  readonly size: number;
  /** Tells older from younger. */
  readonly number: number;
  #there = true;
  before: ShareEntry<Item> | undefined = undefined;
  after: ShareEntry<Item> | undefined = undefined;

  constructor(share: Share<Item>, item: Item, size: number, number: number) {
    this.#share = share;
    this.item = item;
    this.size = size;
    this.number = number;
  }

  release(): void {
    if (this.#there) this.#share.remove(this);
    this.#there = false;
  }
}

/**
 * The share of one name: its items, the oldest first, or the shares of the names within it, as a heap with the largest
 * at the top.
 */
class Share<Item> {
  readonly #parent: Share<Item> | undefined;
  readonly #name: string;
  size = 0;
  /** The number of its oldest item; about that, if it contains other shares. */
  #sinceNumber = 0;
  #first: ShareEntry<Item> | undefined = undefined;
  #last: ShareEntry<Item> | undefined = undefined;
  #within: Map<string, Share<Item>> | undefined = undefined;
  readonly #heap: Share<Item>[] = [];
  /** Its index in the heap of its parent. */
  #place = 0;

  constructor(parent: Share<Item> | undefined, name: string) {
    this.#parent = parent;
    this.#name = name;
  }

  /** The share of that name within it. */
  of(name: string): Share<Item> {
    const found = this.#within?.get(name);
    if (found !== undefined) return found;
    const share = new Share(this, name);
    share.#place = this.#heap.push(share) - 1;
    (this.#within ??= new Map()).set(name, share);
    return share;
  }

  /** The oldest item of the owner that holds the most. There must be one. */
  get oldestOfMost(): ShareEntry<Item> {
    return this.#first ?? this.#heap[0].oldestOfMost;
  }

  append(entry: ShareEntry<Item>): void {
    entry.before = this.#last;
    if (this.#last === undefined) this.#first = entry;
    else this.#last.after = entry;
    this.#last = entry;
    this.#grow(entry.size, entry.number);
  }

  remove(entry: ShareEntry<Item>): void {
    const { before, after } = entry;
    if (before === undefined) this.#first = after;
    else before.after = after;
    if (after === undefined) this.#last = before;
    else after.before = before;
    if (before === undefined && after !== undefined) this.#sinceNumber = after.number;
    this.#grow(-entry.size, this.#sinceNumber);
    this.#leaveWhenEmpty();
  }

  #grow(size: number, number: number): void {
    if (this.size === 0) this.#sinceNumber = number;
    this.size += size;
    const parent = this.#parent;
    if (parent === undefined) return;
    parent.#settle(this);
    parent.#grow(size, number);
  }

  get #isEmpty(): boolean {
    return this.#first === undefined && this.#heap.length === 0;
  }

  #leaveWhenEmpty(): void {
    const parent = this.#parent;
    if (parent === undefined || !this.#isEmpty) return;
    parent.#within!.delete(this.#name);
    const last = parent.#heap.pop()!;
    if (last !== this) {
      parent.#heap[last.#place = this.#place] = last;
      parent.#settle(last);
    }
    parent.#leaveWhenEmpty();
  }

  /** Moves a share within it up or down the heap after its size has changed. */
  #settle(share: Share<Item>): void {
    const heap = this.#heap;
    let place = share.#place;
    for (let up = (place - 1) >> 1; place > 0 && share.#isBefore(heap[up]); up = (place - 1) >> 1) {
      heap[heap[up].#place = place] = heap[up];
      place = up;
    }
    for (;;) {
      let down = 2 * place + 1;
      if (down + 1 < heap.length && heap[down + 1].#isBefore(heap[down])) down++;
      if (down >= heap.length || !heap[down].#isBefore(share)) break;
      heap[heap[down].#place = place] = heap[down];
      place = down;
    }
    heap[share.#place = place] = share;
  }

  /** Whether it is evicted from before another share: it holds more, or as much and for longer. */
  #isBefore(other: Share<Item>): boolean {
    return this.size > other.size || (this.size === other.size && this.#sinceNumber < other.#sinceNumber);
  }
}
