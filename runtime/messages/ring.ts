import type { Route } from "./envelope.ts";

/** A message in a mailbox, or one that has left it. */
export interface QueuedRoute {
  readonly route: Route;
  readonly value: unknown;
}

/** A message takes two slots: its route, and its value for the handler. */
const placesFirst = 8;
/** Each chunk has twice the room of the one before, up to this. */
const placesMax = 2_048;

/** Stands for no chunk: it has no slot for a message, and is never written to. */
const none: unknown[] = [undefined];

/**
 * A queue of messages in chunks. A chunk is made when the one before it is full, and freed when its last message is
 * taken. So a flood of messages is never copied, its memory is freed as it is handled, and chunks are young when they
 * are written, which costs the garbage collector nothing. Route and value of a message lie side by side, so a waiting
 * message takes no memory besides its slots. The last slot of a chunk refers to the next chunk.
 */
export class Ring {
  /** How many messages wait. */
  length = 0;
  /** The chunk of the oldest message, and its slot there. */
  private slots = none;
  private head = 0;
  /** The chunk of the next message, and its slot there. */
  private lastSlots = none;
  private tail = 0;

  /** Whether no message waits. */
  get empty(): boolean {
    return this.length === 0;
  }

  /** The route of the oldest message. There must be one. */
  get route(): Route {
    return this.slots[this.head] as Route;
  }

  /** The value of the oldest message for its handler. There must be one. */
  get value(): unknown {
    return this.slots[this.head + 1];
  }

  /** All messages, the oldest first. */
  *queued(): Generator<QueuedRoute, void> {
    let { slots, head } = this;
    for (let left = this.length; left > 0; left--) {
      if (head === slots.length - 1) {
        slots = slots[head] as unknown[];
        head = 0;
      }
      yield { route: slots[head] as Route, value: slots[head + 1] };
      head += 2;
    }
  }

  /** Removes the oldest message. */
  drop(): void {
    const { slots, head } = this;
    slots[head] = undefined;
    slots[head + 1] = undefined;
    this.head = head + 2;
    if (--this.length === 0) this.clear();
    else if (head + 2 === slots.length - 1) this.advance();
  }

  /** Adds a message at the end. */
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
    const { lastSlots, tail } = this; // the chunk is full
    const next = chunkOf(Math.min(Math.max(tail * 2, placesFirst), placesMax));
    if (lastSlots === none) this.slots = next;
    else lastSlots[tail] = next;
    this.lastSlots = next;
    this.tail = 0;
  }

  /** Adds a chunk at the front, for a message that is put back. */
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

/** A chunk with that many slots. They are not filled, which would cost as much as a flood of messages. */
function chunkOf(places: number): unknown[] {
  return new Array(places + 1);
}
