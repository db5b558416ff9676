import type { Route } from "./envelope.ts";

/** A message takes two places: its route, and what its handler gets. */
const slotsFirst = 16;
/** Past this a queue goes on in chunks of this size: a flood is never copied, and its memory goes as it is handled. */
const slotsMax = 2_048;

/** Messages behind a full ring, in order. */
class Chunk {
  readonly slots: unknown[] = new Array(slotsMax); // not filled: in a flood that would cost as much as the messages
  /** How many places are taken. */
  taken = 0;
  next: Chunk | undefined = undefined;
}

/**
 * A queue of messages: a ring that grows by doubling, then chunks behind it. The two halves of a message lie side by
 * side, so a message that waits takes no memory beside its place.
 */
export class Ring {
  private slots: unknown[] = new Array(slotsFirst).fill(undefined);
  private mask = slotsFirst - 1;
  /** Counts of places, which wrap around as 32-bit integers: where the oldest message lies, and where the next will. */
  private head = 0;
  private tail = 0;
  private chunk: Chunk | undefined = undefined;
  private lastChunk: Chunk | undefined = undefined;
  /** How many messages are in chunks. */
  private chunked = 0;

  /** How many messages wait. */
  get length(): number {
    return (((this.tail - this.head) | 0) >> 1) + this.chunked;
  }

  /** Whether none waits. */
  get empty(): boolean {
    return this.head === this.tail;
  }

  /** The route of the oldest message. Ask only where there is one. */
  get route(): Route {
    return this.slots[this.head & this.mask] as Route;
  }

  /** What the oldest message gives its handler. */
  get value(): unknown {
    return this.slots[(this.head & this.mask) + 1];
  }

  /** The routes of all messages, the oldest first. */
  *routes(): Generator<Route, void> {
    for (let place = this.head; place !== this.tail; place = (place + 2) | 0) {
      yield this.slots[place & this.mask] as Route;
    }
    for (let chunk = this.chunk; chunk !== undefined; chunk = chunk.next) {
      for (let index = 0; index < chunk.taken; index += 2) yield chunk.slots[index] as Route;
    }
  }

  /** Takes the oldest message out. */
  drop(): void {
    const { slots } = this;
    const place = this.head & this.mask;
    slots[place] = undefined;
    slots[place + 1] = undefined;
    this.head = (this.head + 2) | 0;
    if (this.chunk !== undefined && this.head === this.tail) this.advance(this.chunk);
  }

  /** Puts a message at the end. */
  push(route: Route, value: unknown): void {
    const { tail, mask } = this;
    if (((tail - this.head) | 0) > mask || this.lastChunk !== undefined) return this.pushFull(route, value);
    const { slots } = this;
    const place = tail & mask;
    slots[place] = route;
    slots[place + 1] = value;
    this.tail = (tail + 2) | 0;
  }

  /** Puts a message at the front. */
  unshift(route: Route, value: unknown): void {
    if (((this.tail - this.head) | 0) > this.mask) this.grow();
    this.head = (this.head - 2) | 0;
    const place = this.head & this.mask;
    this.slots[place] = route;
    this.slots[place + 1] = value;
  }

  private pushFull(route: Route, value: unknown): void {
    if (this.lastChunk === undefined && this.slots.length < slotsMax) {
      this.grow();
      return this.push(route, value);
    }
    let last = this.lastChunk;
    if (last === undefined || last.taken === slotsMax) last = this.addChunk(last);
    last.slots[last.taken] = route;
    last.slots[last.taken + 1] = value;
    last.taken += 2;
    this.chunked++;
  }

  private addChunk(last: Chunk | undefined): Chunk {
    const next = new Chunk();
    if (last === undefined) this.chunk = next;
    else last.next = next;
    return this.lastChunk = next;
  }

  /** Doubles the full ring. What was taken back needs room even where chunks wait behind it. */
  private grow(): void {
    const { slots } = this;
    const place = this.head & this.mask;
    const grown = [...slots.slice(place), ...slots.slice(0, place)];
    grown.length *= 2;
    this.begin(grown.fill(undefined, slots.length), slots.length);
  }

  /** Goes on with other places, of which so many are taken. */
  private begin(slots: unknown[], taken: number): void {
    this.slots = slots;
    this.mask = slots.length - 1;
    this.head = 0;
    this.tail = taken;
  }

  /** The ring is empty: the first chunk takes its place. */
  private advance({ slots, taken, next }: Chunk): void {
    this.chunked -= taken / 2;
    this.begin(slots, taken);
    this.chunk = next;
    if (next === undefined) this.lastChunk = undefined;
  }
}
