import type { ActorId } from "../language/address.ts";
import type { Route } from "./envelope.ts";
import type { Operation } from "../language/protocol.ts";

/** Delivers messages. */
export interface MessageSink {
  deliver(to: ActorId, route: Route, payload: unknown): void;
}

/** A message that is being sent: its receiver, its route and its payload. */
export interface Outgoing {
  readonly to: ActorId;
  readonly route: Route;
  readonly payload: unknown;
}

/** A message takes three slots: receiver, route and payload. This many are in the first chunk. */
const placesFirst = 24;
/** Each chunk has twice the room of the one before, up to this. */
const placesMax = 1_536;
/** In how many of the latest messages a route is looked for. */
const routesBack = 8;

/**
 * Messages that wait for the commit of a turn, in the order of sending. They lie in chunks that are made as they are
 * needed and never used again: a write into a young array costs the garbage collector nothing. The last slot of a chunk
 * refers to the next chunk.
 */
export class Outbox {
  private readonly first: unknown[] = chunkOf(placesFirst);
  private slots = this.first;
  private taken = 0;
  /** How many slots back the latest route was found. */
  private back = 2;

  push(to: ActorId, route: Route, payload: unknown): void {
    if (this.taken === this.slots.length - 1) this.extend();
    const { slots, taken } = this;
    slots[taken] = to;
    slots[taken + 1] = route;
    slots[taken + 2] = payload;
    this.taken = taken + 3;
  }

  /** A plain route of that operation, if one of the latest messages has it. */
  routeTo(operation: Operation): Route | undefined {
    const { slots, taken } = this;
    const guess = taken - this.back; // sends to several types in rotation repeat at the same distance
    if (guess > 0) {
      const route = slots[guess] as Route;
      if (route.operation === operation && route.plain) return route;
    }
    for (let place = taken - 2; place >= Math.max(taken - 3 * routesBack, 0); place -= 3) {
      const route = slots[place] as Route;
      if (route.operation !== operation || !route.plain) continue;
      this.back = taken - place;
      return route;
    }
    return undefined;
  }

  deliver(sink: MessageSink): void {
    for (let slots = this.first;; slots = slots[slots.length - 1] as unknown[]) {
      const end = slots === this.slots ? this.taken : slots.length - 1;
      for (let place = 0; place < end; place += 3) {
        sink.deliver(slots[place] as ActorId, slots[place + 1] as Route, slots[place + 2]);
      }
      if (slots === this.slots) return;
    }
  }

  /** All messages, in order. */
  list(): Outgoing[] {
    const all: Outgoing[] = [];
    this.deliver({ deliver: (to, route, payload) => void all.push({ to, route, payload }) });
    return all;
  }

  private extend(): void {
    const { slots, taken } = this; // the chunk is full
    this.slots = slots[taken] = chunkOf(Math.min(taken * 2, placesMax));
    this.taken = 0;
  }
}

/** A chunk with that many slots for messages. */
function chunkOf(places: number): unknown[] {
  return new Array(places + 1);
}
