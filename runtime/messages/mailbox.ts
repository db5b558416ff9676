import type { Route } from "./envelope.ts";
import { type QueuedRoute, Ring } from "./ring.ts";

/** What only few mailboxes have. */
export interface MailboxExtras<Signal extends string> {
  signals?: Signal[];
}

/**
 * The queue of one actor: messages first in, first out, and signals before all messages. A single message, which is the
 * most that many actors ever have, is in fields of the mailbox; the ring holds those behind it.
 */
export class Mailbox<Signal extends string = never> {
  /** The oldest message, if it is not in the ring: none waited when it came, or it was put back. */
  protected lone: Route | undefined = undefined;
  protected loneValue: unknown = undefined;
  protected ring: Ring | undefined = undefined;
  /** What only few need is in an object of its own: there may be a million mailboxes. */
  protected extras: MailboxExtras<Signal> | undefined = undefined;

  /** How many messages wait. */
  get length(): number {
    const { ring } = this;
    const queued = ring === undefined ? 0 : ring.length;
    return this.lone === undefined ? queued : queued + 1;
  }

  /** The route of the oldest message, if there is one. */
  get route(): Route | undefined {
    if (this.lone !== undefined) return this.lone;
    const { ring } = this;
    return ring === undefined || ring.empty ? undefined : ring.route;
  }

  /** The value of the oldest message for its handler. There must be one. */
  get value(): unknown {
    return this.lone === undefined ? this.ring!.value : this.loneValue;
  }

  /** The messages that wait, the oldest first. They must be read before anything changes the mailbox. */
  *queued(): Generator<QueuedRoute, void> {
    if (this.lone !== undefined) yield { route: this.lone, value: this.loneValue };
    if (this.ring !== undefined) yield* this.ring.queued();
  }

  /** How many bytes the waiting messages have whose size is known. It reads each of them. */
  countBytes(): number {
    let bytes = 0;
    for (const { route } of this.queued()) bytes += route.extras?.bytes ?? 0;
    return bytes;
  }

  /** Removes the oldest message. There must be one. */
  drop(): void {
    if (this.lone === undefined) return this.ring!.drop();
    this.lone = undefined;
    this.loneValue = undefined;
  }

  /** Adds a message at the end. The caller checks the bound. */
  push(route: Route, value: unknown): void {
    const { ring } = this;
    if (ring !== undefined && !ring.empty) {
      ring.push(route, value);
    } else if (this.lone === undefined) {
      this.lone = route;
      this.loneValue = value;
    } else {
      (this.ring ??= new Ring()).push(route, value);
    }
  }

  /** Puts a message back at the front. */
  unshift(route: Route, value: unknown): void {
    if (this.lone !== undefined) (this.ring ??= new Ring()).unshift(this.lone, this.loneValue);
    this.lone = route;
    this.loneValue = value;
  }

  /** Removes and returns the first message whose route has a property; the others keep their order. */
  protected takeOut(which: (route: Route) => boolean): QueuedRoute | undefined {
    let found: QueuedRoute | undefined;
    for (let left = this.length; left > 0; left--) { // each comes to the end once
      const route = this.route!;
      const { value } = this;
      this.drop();
      if (found === undefined && which(route)) found = { route, value };
      else this.push(route, value);
    }
    return found;
  }

  /** Adds a signal. Each kind waits once, so their number bounds the queue. */
  signal(signal: Signal): void {
    const signals = (this.extras ??= {}).signals ??= [];
    if (!signals.includes(signal)) signals.push(signal);
  }

  /** Whether a signal waits. */
  get signalled(): boolean {
    const signals = this.extras?.signals;
    return signals !== undefined && signals.length > 0;
  }

  /** Removes and returns the oldest signal. */
  takeSignal(): Signal | undefined {
    return this.extras?.signals?.shift();
  }

  /** Frees the memory of an empty ring. */
  release(): void {
    if (this.ring?.empty) this.ring = undefined;
  }
}
