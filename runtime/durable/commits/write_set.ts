import type { ActorId } from "../../language/address.ts";
import type { Route } from "../../messages/envelope.ts";
import type { AtomicPart, Check, Delete, Put } from "../../ports/store.ts";
import { indexKey, leftKey, unassigned } from "../rows/keys.ts";
import type { NewMessage, QueuedMessage } from "../rows/queued_message.ts";

/** A message that is written with its sender's commit. */
export interface CommittedMessage {
  readonly to: ActorId;
  readonly draft: NewMessage;
}

/** A message to somebody in this process who keeps nothing: it is delivered after the commit. */
export interface TransientMessage {
  readonly to: ActorId;
  readonly route: Route;
  readonly payload: unknown;
}

/** Who takes in what a commit brings to this process. */
export interface CommittedDelivery {
  /** Messages were committed by a sender that was loaded at that moment: whom they are for may be here. */
  deliverCommitted(
    arrivals: readonly CommittedMessage[],
    version: string | undefined,
    senderEpoch: number,
  ): void;
  /** A message is in the mailbox of an actor here. */
  accepted(to: ActorId, mail: QueuedMessage): void;
  /** Messages to those who keep nothing. */
  deliverTransient(transientMessages: readonly TransientMessage[]): void;
}
/** How long it can be heard that an actor was left: where nobody is there who hears it, heartbeats find it. */
const leftKeepMs = 60_000;
const nothing = new Uint8Array();

/** What one commit does: to the store, and in this process once it is there. */
export class WriteSet implements AtomicPart {
  readonly checks: Check[] = [];
  readonly writes: Put[] = [];
  readonly removals: Delete[] = [];
  rings = false;
  readonly arrivals: CommittedMessage[] = [];
  readonly transientMessages: TransientMessage[] = [];
  readonly #followers: (() => void)[] = [];
  /** The keys that may be written and removed again. Most commits have none. */
  #words: Set<string> | undefined = undefined;
  /** The protocols of actors that it leaves to whoever hosts them. */
  #left: Set<string> | undefined;

  /** Writes a key that this commit has no other word on: it is new, or always has this value. */
  writeOnce(key: string, value: Uint8Array): void {
    this.writes.push({ key, value, oldBytes: undefined, expiresAtMs: undefined });
  }

  /** Removes a key that this commit has no other word on. */
  removeOnce(key: string, oldBytes?: number): void {
    this.removals.push({ key, oldBytes });
  }

  /** Writes a key: that is the last word on it, and what was said before is void. */
  write(key: string, value: Uint8Array, more?: { oldBytes?: number; expiresAtMs?: number }): void {
    const oldBytes = largest(more?.oldBytes, this.#unsay(key));
    this.writes.push({ key, value, oldBytes, expiresAtMs: more?.expiresAtMs });
  }

  /** Puts an actor into the index of unassigned actors, and rings for those who host it. */
  leave(actor: ActorId, nowMs: number): void {
    this.write(indexKey(unassigned, actor), nothing);
    this.rings = true;
    this.#left ??= new Set();
    if (this.#left.has(actor.protocol)) return;
    this.#left.add(actor.protocol);
    this.write(leftKey(actor.protocol), nothing, { expiresAtMs: nowMs + leftKeepMs });
  }

  /** Removes a key: that is the last word on it, and what was said before is void. */
  remove(key: string, oldBytes?: number): void {
    this.removals.push({ key, oldBytes: largest(oldBytes, this.#unsay(key)) });
  }

  /** Removes a row if it is still as it was read; else nothing of this commit takes place. */
  removeIfUnchanged({ key, version }: Check, oldBytes?: number): void {
    this.checks.push({ key, version });
    this.remove(key, oldBytes);
  }

  /** Does something once it is committed. */
  after(follow: () => void): void {
    this.#followers.push(follow);
  }

  /**
   * It is committed, under that version where that is known: does all that follows in this process. `senderEpoch` is
   * when its sender was loaded. There is no other way to what follows, so whoever commits forgets nothing of it.
   */
  land(committedDelivery: CommittedDelivery, version: string | undefined, senderEpoch: number): void {
    for (const follow of this.#followers) follow();
    if (this.arrivals.length > 0) committedDelivery.deliverCommitted(this.arrivals, version, senderEpoch);
    if (this.transientMessages.length > 0) committedDelivery.deliverTransient(this.transientMessages);
  }

  /** Takes in what others do, behind what is here. */
  add(other: WriteSet): void {
    append(this.checks, other.checks);
    if (this.#words === undefined || other.#words === undefined) {
      this.#words ??= other.#words;
      append(this.writes, other.writes);
      append(this.removals, other.removals);
    } else {
      for (const write of other.writes) this.#append(this.writes, write, other.#words);
      for (const removal of other.removals) this.#append(this.removals, removal, other.#words);
    }
    this.rings ||= other.rings;
    append(this.arrivals, other.arrivals);
    append(this.transientMessages, other.transientMessages);
    append(this.#followers, other.#followers);
  }

  #append<Item extends Delete>(to: Item[], item: Item, words: ReadonlySet<string>): void {
    if (!words.has(item.key)) return void to.push(item);
    to.push({ ...item, oldBytes: largest(item.oldBytes, this.#unsay(item.key)) });
  }

  /**
   * Takes back what was said of a key, since a part has no order of its own between its writes and its removals. Returns
   * how many bytes the value has that is in the store, where that was said.
   */
  #unsay(key: string): number | undefined {
    const words = this.#words ??= new Set();
    if (words.has(key)) return largest(takeOut(this.writes, key), takeOut(this.removals, key));
    words.add(key);
    return undefined;
  }
}

/** Mostly there is nothing, or one. */
function append<Item>(to: Item[], items: readonly Item[]): void {
  for (let index = 0; index < items.length; index++) to.push(items[index]);
}

function takeOut(from: Delete[], key: string): number | undefined {
  const index = from.findIndex((item) => item.key === key);
  return index < 0 ? undefined : from.splice(index, 1)[0].oldBytes;
}

function largest(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? a ?? b : Math.max(a, b);
}
