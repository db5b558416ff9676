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

/** A message to an actor in this process that is not stored: it is delivered after the commit. */
export interface TransientMessage {
  readonly to: ActorId;
  readonly route: Route;
  readonly payload: unknown;
}

/** Delivers what a commit brings to this process. */
export interface CommittedDelivery {
  /**
   * Delivers committed messages whose receivers may be in this process. `senderEpoch` is when their sender was loaded.
   */
  deliverCommitted(
    arrivals: readonly CommittedMessage[],
    version: string | undefined,
    senderEpoch: number,
  ): void;
  /** Messages are in the mailboxes of actors that this process does not host. */
  acceptedElsewhere(arrivals: readonly CommittedMessage[], version: string | undefined): void;
  /** A message is in the mailbox of an actor in this process; `found` says that this process did not accept it. */
  accepted(to: ActorId, mail: QueuedMessage, found?: boolean): void;
  /** Delivers messages to actors that are not stored. */
  deliverTransient(transientMessages: readonly TransientMessage[]): void;
}
/** How long the note stays that an actor became unassigned; after that, heartbeats find the actor. */
const leftKeepMs = 60_000;
const nothing = new Uint8Array();

/** All that one commit does: in the store, and in this process once it has landed. */
export class WriteSet implements AtomicPart {
  readonly checks: Check[] = [];
  readonly writes: Put[] = [];
  readonly removals: Delete[] = [];
  rings = false;
  readonly arrivals: CommittedMessage[] = [];
  readonly transientMessages: TransientMessage[] = [];
  /** Messages for actors that this process does not host. Most commits have none. */
  #elsewhere: CommittedMessage[] | undefined = undefined;
  readonly #followers: (() => void)[] = [];
  /** The keys that may be written or removed again. Most commits have none. */
  #words: Set<string> | undefined = undefined;
  /** The protocols of the actors that this commit makes unassigned. */
  #left: Set<string> | undefined;

  /** Writes a key that this commit does not write or remove again, or only with the same value. */
  writeOnce(key: string, value: Uint8Array): void {
    this.writes.push({ key, value, oldBytes: undefined, expiresAtMs: undefined });
  }

  /** Removes a key that this commit does not write or remove again. */
  removeOnce(key: string, oldBytes?: number): void {
    this.removals.push({ key, oldBytes });
  }

  /** Writes a key, in place of whatever this commit was to do with it before. */
  write(key: string, value: Uint8Array, more?: { oldBytes?: number; expiresAtMs?: number }): void {
    const oldBytes = largest(more?.oldBytes, this.#unsay(key));
    this.writes.push({ key, value, oldBytes, expiresAtMs: more?.expiresAtMs });
  }

  /** Puts an actor into the index of unassigned actors, and notifies the instances that host it. */
  leave(actor: ActorId, nowMs: number): void {
    this.write(indexKey(unassigned, actor), nothing);
    this.rings = true;
    this.#left ??= new Set();
    if (this.#left.has(actor.protocol)) return;
    this.#left.add(actor.protocol);
    this.write(leftKey(actor.protocol), nothing, { expiresAtMs: nowMs + leftKeepMs });
  }

  /** Removes a key, in place of whatever this commit was to do with it before. */
  remove(key: string, oldBytes?: number): void {
    this.removals.push({ key, oldBytes: largest(oldBytes, this.#unsay(key)) });
  }

  /** Removes a row, and makes the whole commit fail if the row has changed since it was read. */
  removeIfUnchanged({ key, version }: Check, oldBytes?: number): void {
    this.checks.push({ key, version });
    this.remove(key, oldBytes);
  }

  /** Notes a message for an actor that this process does not host. */
  arrivesElsewhere(message: CommittedMessage): void {
    (this.#elsewhere ??= []).push(message);
  }

  /** Calls a function once the commit has landed. */
  after(follow: () => void): void {
    this.#followers.push(follow);
  }

  /**
   * The commit has landed, under that version if it is known: does all that follows in this process. `senderEpoch` is
   * when its sender was loaded. Nothing else reaches what follows, so no caller can forget a part of it.
   */
  land(committedDelivery: CommittedDelivery, version: string | undefined, senderEpoch: number): void {
    for (const follow of this.#followers) follow();
    if (this.arrivals.length > 0) committedDelivery.deliverCommitted(this.arrivals, version, senderEpoch);
    if (this.#elsewhere !== undefined) committedDelivery.acceptedElsewhere(this.#elsewhere, version);
    if (this.transientMessages.length > 0) committedDelivery.deliverTransient(this.transientMessages);
  }

  /** Adds another write set behind this one. */
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
    for (const message of other.#elsewhere ?? []) this.arrivesElsewhere(message);
    append(this.transientMessages, other.transientMessages);
    append(this.#followers, other.#followers);
  }

  #append<Item extends Delete>(to: Item[], item: Item, words: ReadonlySet<string>): void {
    if (!words.has(item.key)) return void to.push(item);
    to.push({ ...item, oldBytes: largest(item.oldBytes, this.#unsay(item.key)) });
  }

  /**
   * Takes back what the commit was to do with a key, since writes and removals of a part have no order among them.
   * Returns the size of the value that is in the store, if it was given.
   */
  #unsay(key: string): number | undefined {
    const words = this.#words ??= new Set();
    if (words.has(key)) return largest(takeOut(this.writes, key), takeOut(this.removals, key));
    words.add(key);
    return undefined;
  }
}

/** The removal of a row, unless it has changed since it was read. */
export function removalOf(row: Check, oldBytes?: number): WriteSet {
  const writeSet = new WriteSet();
  writeSet.removeIfUnchanged(row, oldBytes);
  return writeSet;
}

/** Mostly there is no item, or one. */
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
