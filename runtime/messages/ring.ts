import type { Route } from "./envelope.ts";

/** A message takes two places: its route, and what its handler gets. */
const placesFirst = 8;
/** Each chunk has twice the room of the one before, up to this. */
const placesMax = 2_048;

/** No chunk: without a place for a message. Nothing is ever written into it. */
const none: unknown[] = [undefined];

/**
 * A queue of messages, in chunks: a chunk is made when the one before is full, and let go when its last message is taken.
 * So a flood is never copied, its memory goes as it is handled, and what is written is young, which costs the collector
 * nothing. The two halves of a message lie side by side, so a message that waits takes no memory beside its places. The
 * last place of a chunk is for the chunk behind it.
 */
export class Ring {
  /** How many messages wait. */
  length = 0;
  /** The chunk of the oldest message, and where that lies in it. */
  private slots = none;
  private head = 0;
  /** The chunk of the next message, and where that will lie in it. */
  private lastSlots = none;
  private tail = 0;

  /** Whether none waits. */
  get empty(): boolean {
    return this.length === 0;
  }

  /** The route of the oldest message. Ask only where there is one. */
  get route(): Route {
    return this.slots[this.head] as Route;
  }

  /** What the oldest message gives its handler. */
  get value(): unknown {
    return this.slots[this.head + 1];
  }

  /** The routes of all messages, the oldest first. */
  *routes(): Generator<Route, void> {
    let { slots, head } = this;
    for (let left = this.length; left > 0; left--) {
      if (head === slots.length - 1) {
        slots = slots[head] as unknown[];
        head = 0;
      }
      yield slots[head] as Route;
      head += 2;
    }
  }

  /** Takes the oldest message out. */
  drop(): void {
    const { slots, head } = this;
    slots[head] = undefined;
    slots[head + 1] = undefined;
    this.head = head + 2;
    if (--this.length === 0) this.clear();
    else if (head + 2 === slots.length - 1) this.advance();
  }

  /** Puts a message at the end. */
  push(route: Route, value: unknown): void {
    if (this.tail === this.lastSlots.length - 1) this.extend();
    const { lastSlots, tail } = this;
    lastSlots[tail] = route;
    lastSlots[tail + 1] = value;
    this.tail = tail + 2;
    this.length++;
  }

  /** Puts a message at the front. */
  unshift(route: Route, value: unknown): void {
    if (this.length === 0) return this.push(route, value);
    if (this.head === 0) this.precede();
    this.head -= 2;
    this.slots[this.head] = route;
    this.slots[this.head + 1] = value;
    this.length++;
  }

  /** Adds a chunk at the end. */
  private extend(): void {
    const { lastSlots, tail } = this; // all of its places are taken
    const next = chunkOf(Math.min(Math.max(tail * 2, placesFirst), placesMax));
    if (lastSlots === none) this.slots = next;
    else lastSlots[tail] = next;
    this.lastSlots = next;
    this.tail = 0;
  }

  /** Adds a chunk at the front, for what is taken back. */
  private precede(): void {
    const first = chunkOf(placesFirst);
    first[placesFirst] = this.slots;
    this.slots = first;
    this.head = placesFirst;
  }

  private advance(): void {
    this.slots = this.slots[this.head] as unknown[];
    this.head = 0;
  }

  private clear(): void {
    this.slots = this.lastSlots = none;
    this.head = this.tail = 0;
  }
}

/** A chunk with so many places for messages. They are not filled: in a flood that would cost as much as the messages. */
function chunkOf(places: number): unknown[] {
  return new Array(places + 1);
}
