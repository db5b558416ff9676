import type { ActorId } from "./address.ts";
import type { Route } from "./envelope.ts";

/** Delivers messages. */
export interface Postman {
  deliver(to: ActorId, route: Route, payload: unknown): void;
}

/** A message on its way: to whom, by which way, and what was sent. */
export interface Outgoing {
  readonly to: ActorId;
  readonly route: Route;
  readonly payload: unknown;
}

/** A message takes two places, to whom and what was sent; a route that is another than the last takes two before it. */
const slotsFirst = 32;

/** Messages that wait for the commit of a turn, in the order of sending. It is used again and again. */
export class Outbox {
  private slots: unknown[] = new Array(slotsFirst).fill(undefined);
  private taken = 0;
  private last: Route | undefined = undefined;

  /** How many places it has. */
  get size(): number {
    return this.slots.length;
  }

  push(to: ActorId, route: Route, payload: unknown): void {
    if (route !== this.last) {
      this.last = route;
      this.put(undefined, route);
    }
    this.put(to, payload);
  }

  deliver(postman: Postman): void {
    const { slots, taken } = this;
    let route!: Route;
    for (let place = 0; place < taken; place += 2) {
      const to = slots[place] as ActorId | undefined;
      if (to === undefined) route = slots[place + 1] as Route;
      else postman.deliver(to, route, slots[place + 1]);
    }
  }

  /** All that is in it, in order. */
  list(): Outgoing[] {
    const all: Outgoing[] = [];
    this.deliver({ deliver: (to, route, payload) => void all.push({ to, route, payload }) });
    return all;
  }

  /** Lets everything go that is in it. */
  clear(): void {
    this.slots.fill(undefined, 0, this.taken);
    this.taken = 0;
    this.last = undefined;
  }

  private put(first: unknown, second: unknown): void {
    const { taken } = this;
    if (taken === this.slots.length) this.grow();
    const { slots } = this;
    slots[taken] = first;
    slots[taken + 1] = second;
    this.taken = taken + 2;
  }

  private grow(): void {
    const before = this.slots.length;
    this.slots.length *= 2;
    this.slots.fill(undefined, before);
  }
}

/** An outbox with more places than this is not kept. */
const slotsKept = 8_192;
/** How many are kept: as many as turns wait for promises with several messages in hand. */
const outboxesKept = 64;

/** The outboxes of one system that nobody uses now. */
export class Outboxes {
  private readonly free: Outbox[] = [];

  take(): Outbox {
    return this.free.pop() ?? new Outbox();
  }

  /** Takes one back, empty. */
  give(outbox: Outbox): void {
    outbox.clear();
    if (outbox.size <= slotsKept && this.free.length < outboxesKept) this.free.push(outbox);
  }
}
