import type { Actor, Handler } from "../language/actor.ts";
import type { ActorId, Address } from "../language/address.ts";
import type { BrokenActors } from "../ports/broken_actors.ts";
import type { DeadLetter } from "../ports/dead_letters.ts";
import type { Envelope, Route } from "../messages/envelope.ts";
import type { Callback, Inspectors, MessageEvent } from "../ports/inspection.ts";
import type { MessageSink } from "../messages/outbox.ts";
import type { Operation } from "../language/protocol.ts";
import type { Random } from "../base/random.ts";
import type { Scheduler } from "../scheduling/scheduler.ts";
import type { Timers } from "../scheduling/timers.ts";
import type { TurnServices } from "../turns/turn_services.ts";

/** What an activation needs of the delivery of its system. */
export interface DeliveryPort extends MessageSink {
  readonly inspectors: Inspectors;
  /** Where the actors of each protocol are that live in memory alone. */
  readonly hosts: ReadonlyMap<string, Pick<ActorHost<ActorId>, "name" | "find">>;
  /** Tells whoever listens what became of a message. */
  inspect(event: MessageEvent, envelope: Envelope): void;
  /** A message has failed so often, and is tried again after that long: tells whoever listens, and the log. */
  retrying(envelope: Envelope, error: unknown, attempt: number, afterMs: number): void;
  /** Sends to an address, in answer to `cause` where there is one. */
  deliverTo(address: Address, payload: unknown, cause?: Envelope): void;
  /** The operation at an address, as whoever handles it here knows it. */
  operationAt(address: Address): Operation;
  /** There is a dead letter: counts it, and tells whoever listens, and the log. */
  deadLettered(letter: DeadLetter, error?: unknown): void;
  /** A function that was given to the system threw. */
  callbackFailed(callback: Callback, error: unknown): void;
  /** A row of the store cannot be read, and is passed by. */
  unreadable(row: string, error: unknown): void;
  /** Makes a dead letter, and tells whoever waits for the answer. */
  deadLetter(envelope: Envelope, reason: string, message: string, error?: unknown): void;
}

/** What an activation needs of its system. */
export interface RuntimeServices extends TurnServices {
  readonly scheduler: Scheduler;
  readonly timers: Timers;
  readonly random: Random;
  readonly delivery: DeliveryPort;
  /** The actor of that key, where it is in memory. */
  find(protocol: string, key: string): ActorId | undefined;
  /** Actors whose state cannot be made. */
  readonly broken: BrokenActors;
  /** How many turns a promise is awaited for. */
  running: number;
  /** There may be nothing left to run. */
  rest(): void;
  /** A failure that the system must answer for. */
  escalate(actor: ActorId, error: unknown): void;
  /** An actor was erased: its subscriptions go. */
  leaveTopics(actor: ActorId): void;
}

/** Where activations of one actor definition live. */
export interface ActorHost<Member> {
  readonly actor: Actor;
  /** The name of its protocol. */
  readonly name: string;
  readonly services: RuntimeServices;
  /** What handles each operation, at its slot. */
  readonly handlers: readonly (Handler | undefined)[];
  /** The operations that it handles, each at its slot. An event is published, and not sent to an actor. */
  readonly handled: readonly (Operation | undefined)[];
  /** The ways of messages that are nothing but their payload, each at its operation's slot. */
  readonly plainRoutes: readonly Route[];
  /** How many messages a mailbox holds that come from outside, and when turns send them. */
  readonly capacity: number;
  readonly turnCapacity: number;
  /** Whether somebody listens to what happens. */
  readonly observed: boolean;
  /** How many messages came into mailboxes, and how many were taken out: counted here, there may be a million. */
  accepted: number;
  taken: number;
  /** How many turns have committed. */
  done: number;
  /** Its activation of that key, if there is one. */
  find(key: string): Member | undefined;
  /** An actor to which one of its own sends. */
  reach(protocol: string, key: string): ActorId | undefined;
  /** An activation has nothing left to keep. */
  remove(activation: Member): void;
  /** An activation became active: passivate it when it is idle for long enough. */
  watchIdle(activation: Member): void;
  /** Look at it no more. */
  leaveIdle(activation: Member): void;
}

/** Where messages of turns go that go into no mailbox of this process. */
export interface Elsewhere {
  takes(to: ActorId): boolean;
  /** Throws, or rejects, if it cannot be taken. */
  send(to: ActorId, route: Route, payload: unknown): Promise<unknown> | undefined;
}
