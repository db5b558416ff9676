import type { ActorId } from "../language/address.ts";
import type { Cancellation, CancelOptions } from "../language/ticket.ts";
import type { DeadLetter } from "./dead_letters.ts";
import type { DeadLetterFilter } from "./observation.ts";

/** What became of the dead letters that matched. */
export interface BulkResult {
  /** How many it was done to. */
  readonly done: number;
  /** How many it could not be done to. They still are dead letters. */
  readonly failed: number;
  /** Whether there may be more that match: a call resends or discards 10,000 at most. */
  readonly more: boolean;
}

/**
 * Which dead letter is meant, as a list tells it. Senders choose ids, so several dead letters may have the same: callers over
 * HTTP with one `Idempotency-Key`, or one id that was sent to two actors.
 */
export type WhichLetter = Pick<DeadLetter, "protocol" | "key" | "atMs">;

/** Options of {@linkcode StoreControl.cancelRequest}. */
export interface CancelRequestOptions extends CancelOptions {
  /** The caller that the submit named: replies of other callers are not found. */
  readonly caller?: string;
}

/**
 * What an operator does to a system through its store. Each action is one commit or a bounded number of commits, reaches
 * the actors of all instances, and needs no turn of an actor unless it says so. Each rejects with a {@linkcode StoreError} if
 * the store cannot be used; then it can be repeated.
 */
export interface StoreControl {
  /**
   * Resends a dead letter, as {@linkcode DeadLetters.resend} does: also one that is in the store and not in the list of this
   * process. Rejects with the same errors, and then the dead letter is kept. If several have that id, it is the oldest, or the
   * oldest of those that are meant.
   */
  resend(id: string, which?: WhichLetter): Promise<void>;
  /**
   * Resends the dead letters that match, oldest first. One that cannot be resent stays, and does not stop the others. Those
   * that fail again meanwhile are not resent twice. `{}` matches all.
   *
   * Rejects with a `TypeError` or a `RangeError` if the filter has a field that does not exist, or one that is no text.
   */
  resendAll(filter: DeadLetterFilter): Promise<BulkResult>;
  /**
   * Removes a dead letter: its message is lost. Resolves with whether there was one. If several have that id, it is the
   * oldest, or the oldest of those that are meant.
   */
  discard(id: string, which?: WhichLetter): Promise<boolean>;
  /** Removes the dead letters that match. Rejects as {@linkcode StoreControl.resendAll} does. */
  discardAll(filter: DeadLetterFilter): Promise<BulkResult>;
  /** Cancels a schedule, as {@linkcode System.cancelSchedule} does. */
  cancelSchedule(actor: ActorId, name: string): Promise<boolean>;
  /**
   * Takes a submitted request back, as {@linkcode Ticket.cancel} does, by the name of its reply: the id of its ticket. If the
   * request is answered later, the built-in actor that keeps it has a turn.
   */
  cancelRequest(reply: string, options?: CancelRequestOptions): Promise<Cancellation>;
  /**
   * Pauses a protocol: its actors begin no further turn, in no instance on the store, until it is resumed. Turns that run
   * end as usual. Messages are accepted meanwhile and wait, up to the bounds of the mailboxes; an ask waits until its
   * deadline; schedules put their messages into mailboxes. Nothing is lost, doubled or reordered.
   *
   * It is written into the store, so it outlives every process, and an instance that starts later obeys as well: this
   * process at once, the others when they are notified, at the latest at their next heartbeat. A protocol that nobody hosts
   * can be paused too. Of a transient protocol, and without a store, only the actors of this process are paused, until it
   * ends: `controlStore` hosts none, so it pauses no transient actor. Built-in actors go on: topics, surveys, and requests
   * that are answered later.
   *
   * Rejects with a `RangeError` if it is no name of a protocol; with a {@linkcode NotFoundError} (`unknown-protocol`) if
   * another service hosts it, or if there is no store and no actor of it; and with a {@linkcode LimitExceededError}
   * (`too-many-paused`) if 1,000 others are paused.
   */
  pause(protocol: string): Promise<void>;
  /** Lets the actors of a protocol go on, as soon as a pause takes effect. Rejects as {@linkcode StoreControl.pause} does. */
  resume(protocol: string): Promise<void>;
}

/**
 * What an operator does to a system: `system.control`. What is in the store is changed there, for all instances; without a
 * store, and for transient actors, it is done in this process.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { actor, protocol, System, tell } from "@posthorn/posthorn";
 * import { VirtualClock } from "@posthorn/posthorn/testing";
 *
 * const Counter = protocol("counter", { count: tell() });
 * const counter = actor(Counter, { state: () => 0, on: { count: (ctx) => { ctx.state += 1; } } });
 *
 * const clock = new VirtualClock();
 * await using system = new System({ actors: [counter], clock });
 * await system.control.pause("counter");
 * await system.ref(Counter, "visits").tell(Counter.count); // accepted, and waits
 * await clock.advance(60_000);
 * assert(system.stats().waiting === 1);
 *
 * await system.control.resume("counter");
 * await clock.settle();
 * assert(system.stats().done === 1);
 * ```
 */
export interface Control extends StoreControl {
  /**
   * Removes an actor from the memory of this process until its next message. One that still has something to do leaves when
   * that is done; one whose protocol is paused leaves at once, if its messages are in the store. Rejects with a
   * {@linkcode NotFoundError} (`unknown-protocol`) if this process hosts no actor of the protocol.
   */
  passivate(actor: ActorId): Promise<void>;
  /**
   * Erases an actor: its state, schedules and subscriptions. Its messages stay. It resolves when the actor was told; if the
   * store does not take it, a `callback-failed` event says so. Rejects as {@linkcode Control.passivate} does, and with a
   * {@linkcode LimitExceededError} (`too-many-actors`) if there is no room to load the actor.
   */
  erase(actor: ActorId): Promise<void>;
}
