import type { ActorId } from "../address.ts";
import type { Route } from "../envelope.ts";
import type { Check, Part, Removal, Write } from "../store.ts";
import { indexKey, leftKey, nobody } from "./keys.ts";
import type { MailDraft } from "./mail.ts";

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

/** How long it can be heard that an actor was left: where nobody is there who hears it, beats find it. */
const leftKeepMs = 60_000;
const nothing = new Uint8Array();

/** What one commit does: to the store, and in this process once it is there. */
export class Effects implements Part {
  readonly checks: Check[] = [];
  readonly writes: Write[] = [];
  readonly removals: Removal[] = [];
  rings = false;
  readonly arrivals: Arrival[] = [];
  readonly locals: LocalDelivery[] = [];
  readonly #followers: (() => void)[] = [];
  /** The protocols of actors that it leaves to whoever hosts them. */
  #left: Set<string> | undefined;

  write(key: string, value: Uint8Array, more?: { oldBytes?: number; expiresAtMs?: number }): void {
    this.writes.push({ key, value, oldBytes: more?.oldBytes, expiresAtMs: more?.expiresAtMs });
  }

  remove(key: string, oldBytes?: number): void {
    this.removals.push({ key, oldBytes });
  }

  /** Puts an actor into the index of nobody, and rings for those who host it. */
  leave(actor: ActorId, nowMs: number): void {
    this.write(indexKey(nobody, actor), nothing);
    this.rings = true;
    this.#left ??= new Set();
    if (this.#left.has(actor.protocol)) return;
    this.#left.add(actor.protocol);
    this.write(leftKey(actor.protocol), nothing, { expiresAtMs: nowMs + leftKeepMs });
  }

  /** Does something once it is committed. */
  after(follow: () => void): void {
    this.#followers.push(follow);
  }

  /** Does what follows in this process. */
  follow(): void {
    for (const follow of this.#followers) follow();
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
