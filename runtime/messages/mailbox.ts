import type { Route } from "./envelope.ts";
import { Ring } from "./ring.ts";

/** What few mailboxes have. */
export interface MailboxExtras<Signal extends string> {
  signals?: Signal[];
}

/**
 * The queue of one actor: first in, first out, beside a lane for signals, which go first. A lone message, which is what
 * most actors ever have, lies in the mailbox itself; the ring is for what waits behind it.
 */
export class Mailbox<Signal extends string = never> {
  /** The oldest message, where it is not in the ring: none waited when it came, or it was taken back. */
  protected lone: Route | undefined = undefined;
  protected loneValue: unknown = undefined;
  protected ring: Ring | undefined = undefined;
  /** What few need lies apart: there may be a million. */
  protected extras: MailboxExtras<Signal> | undefined = undefined;

  /** How many messages wait. */
  get length(): number {
    const { ring } = this;
    const queued = ring === undefined ? 0 : ring.length;
    return this.lone === undefined ? queued : queued + 1;
  }

  /** The route of the oldest message, where there is one. */
  get route(): Route | undefined {
    if (this.lone !== undefined) return this.lone;
    const { ring } = this;
    return ring === undefined || ring.empty ? undefined : ring.route;
  }

  /** What the oldest message gives its handler. Ask only where there is one. */
  get value(): unknown {
    return this.lone === undefined ? this.ring!.value : this.loneValue;
  }

  /** How many bytes wait, of the messages whose size is known. It looks at each. */
  countBytes(): number {
    let bytes = this.lone?.extras?.bytes ?? 0;
    for (const route of this.ring?.routes() ?? []) bytes += route.extras?.bytes ?? 0;
    return bytes;
  }

  /** Takes the oldest message out. Call it only where there is one. */
  drop(): void {
    if (this.lone === undefined) return this.ring!.drop();
    this.lone = undefined;
    this.loneValue = undefined;
  }

  /** Puts a message at the end, whatever the bound: whoever calls it keeps it. */
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

  /** Puts a message that was taken back in its place, at the front. */
  unshift(route: Route, value: unknown): void {
    if (this.lone !== undefined) (this.ring ??= new Ring()).unshift(this.lone, this.loneValue);
    this.lone = route;
    this.loneValue = value;
  }

  /** Puts a signal into the control lane. The same signal waits once, so the lane is bounded by their kinds. */
  signal(signal: Signal): void {
    const signals = (this.extras ??= {}).signals ??= [];
    if (!signals.includes(signal)) signals.push(signal);
  }

  /** Whether a signal waits. */
  get signalled(): boolean {
    const signals = this.extras?.signals;
    return signals !== undefined && signals.length > 0;
  }

  /** Takes the oldest signal. */
  takeSignal(): Signal | undefined {
    return this.extras?.signals?.shift();
  }

  /** Lets the memory of an empty ring go. */
  release(): void {
    if (this.ring?.empty) this.ring = undefined;
  }
}
