import { MailboxFullError } from "../base/errors.ts";
import { shownActor } from "../messages/shown_name.ts";
import type { Activation } from "./activation.ts";
import type { Envelope, Route } from "../messages/envelope.ts";
import { HeldBytes } from "../base/held_bytes.ts";

/** Which bound of a mailbox is reached. */
export interface Fullness {
  readonly held: number;
  readonly bound: number;
  readonly what: "messages" | "bytes";
}

/** Puts a message from outside into its mailbox. If the mailbox is full, it returns which bound is reached. */
export function offerWithin(activation: Activation, route: Route, value: unknown): Fullness | undefined {
  const { capacity, bytes: bound } = activation.host.actor.mailbox;
  const bytes = route.extras?.bytes;
  const held = bytes === undefined ? undefined : takeBytes(activation, bytes);
  if (held !== undefined) return { held, bound, what: "bytes" };
  if (activation.offer(route, value, capacity)) return undefined;
  return { held: activation.length, bound: capacity, what: "messages" };
}

/**
 * Applies the overflow policy of a full mailbox. Returns the messages that it drops, the new one as `dropNewest` gives it;
 * throws if it refuses that. A change of a schedule is refused in each case, as it is over a store: it is no message that
 * could become a dead letter.
 */
export function displace(
  activation: Activation,
  route: Route,
  value: unknown,
  full: Fullness,
  dropNewest: () => Envelope,
): Envelope[] {
  const { actor: { mailbox: { overflow } }, scheduling } = activation.host;
  if (overflow === "reject" || route.operation === scheduling) {
    const shown = shownActor(activation.protocol, activation.key);
    throw new MailboxFullError(shown, full.held, full.bound, full.what);
  }
  const displaced = overflow === "drop-oldest" ? evictOldest(activation, route, value, full) : undefined;
  return displaced ?? [dropNewest()];
}

/**
 * Removes the oldest messages of a full mailbox until there is room for a new one, and adds that. Returns the removed
 * ones, or nothing if only changes of schedules wait, which stay: then it adds nothing.
 */
function evictOldest(
  activation: Activation,
  route: Route,
  value: unknown,
  { what }: Fullness,
): Envelope[] | undefined {
  const displaced: Envelope[] = [];
  if (what === "messages") {
    const evicted = activation.evict();
    if (evicted === undefined) return undefined;
    displaced.push(evicted);
  } else {
    const bytes = route.extras!.bytes!;
    let fits = false;
    while (!fits) {
      const evicted = activation.evict();
      if (evicted === undefined) break;
      displaced.push(evicted);
      fits = takeBytes(activation, bytes) === undefined;
    }
    // What waits aside may leave no room for it. It comes in all the same, so it counts.
    if (!fits) activation.ensureExtras.held!.add(bytes); // `offerWithin` has made it
  }
  activation.offer(route, value, Infinity); // turns may have filled it past its capacity
  return displaced;
}

/** Counts the bytes of a message in. If there is no room for them, it returns how many bytes wait. */
function takeBytes(activation: Activation, bytes: number): number | undefined {
  const held = activation.ensureExtras.held ??= new HeldBytes();
  return held.take(bytes, activation.host.actor.mailbox.bytes, () => activation.countBytes());
}
