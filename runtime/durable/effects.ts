import type { ActorId } from "../address.ts";
import type { Route } from "../envelope.ts";
import type { Check, Part, Removal, Write } from "../store.ts";
import type { Mail, MailDraft } from "./mail.ts";

/** A message that is written with its sender's commit. */
export interface Arrival {
  readonly to: ActorId;
  readonly draft: MailDraft;
}

/** A message to somebody in this process who keeps nothing: it is delivered after the commit. */
export interface LocalDelivery {
  readonly to: ActorId;
  readonly route: Route;
  readonly payload: unknown;
}

/** Who takes in what a commit brings to this process. */
export interface Landing {
  /** Messages were committed by a sender that was loaded at that moment: whom they are for may be here. */
  handOver(arrivals: readonly Arrival[], version: string, senderMoment: number): void;
  /** A message is in the mailbox of an actor here. */
  accepted(to: ActorId, mail: Mail): void;
  /** Messages to those who keep nothing. */
  deliverLocally(locals: readonly LocalDelivery[]): void;
}

/** What one commit does: to the store, and in this process once it is there. */
export class Effects implements Part {
  readonly checks: Check[] = [];
  readonly writes: Write[] = [];
  readonly removals: Removal[] = [];
  rings = false;
  readonly arrivals: Arrival[] = [];
  readonly locals: LocalDelivery[] = [];
  readonly #followers: (() => void)[] = [];

  write(key: string, value: Uint8Array, more?: { oldBytes?: number; expiresAtMs?: number }): void {
    this.writes.push({ key, value, oldBytes: more?.oldBytes, expiresAtMs: more?.expiresAtMs });
  }

  remove(key: string, oldBytes?: number): void {
    this.removals.push({ key, oldBytes });
  }

  /** Does something once it is committed. */
  after(follow: () => void): void {
    this.#followers.push(follow);
  }

  /**
   * It is committed, under that version: does all that follows in this process. `senderMoment` is when its sender was
   * loaded. There is no other way to what follows, so whoever commits forgets nothing of it.
   */
  land(landing: Landing, version: string, senderMoment: number): void {
    for (const follow of this.#followers) follow();
    if (this.arrivals.length > 0) landing.handOver(this.arrivals, version, senderMoment);
    if (this.locals.length > 0) landing.deliverLocally(this.locals);
  }

  /** Takes in what others do, behind what is here. */
  add(other: Effects): void {
    append(this.checks, other.checks);
    append(this.writes, other.writes);
    append(this.removals, other.removals);
    this.rings ||= other.rings;
    append(this.arrivals, other.arrivals);
    append(this.locals, other.locals);
    append(this.#followers, other.#followers);
  }
}

/** Mostly there is nothing, or one. */
function append<Item>(to: Item[], items: readonly Item[]): void {
  for (let index = 0; index < items.length; index++) to.push(items[index]);
}
