import type { ActorId, Address } from "../language/address.ts";
import type { BrokenActors } from "../ports/broken_actors.ts";
import type { DeadLetter } from "../ports/dead_letters.ts";
import type { Envelope, Route } from "../messages/envelope.ts";
import type { Inspectors, MessageEvent } from "../ports/inspection.ts";
import type { MemoryHost } from "./memory_host.ts";
import type { MessageSink } from "../messages/outbox.ts";
import type { Random } from "../base/random.ts";
import type { Scheduler } from "../scheduling/scheduler.ts";
import type { TurnDelivery, TurnServices } from "../turns/turn_services.ts";

/** What an activation needs of the delivery of its system. */
export interface DeliveryPort extends MessageSink, TurnDelivery {
  readonly inspectors: Inspectors;
  /** Where the actors of each protocol are that live in memory alone. */
  readonly hosts: ReadonlyMap<string, MemoryHost>;
  /** The actor of that key that lives in memory alone, if there is one. */
  find(protocol: string, key: string): ActorId | undefined;
  /** Tells whoever listens what became of a message. */
  inspect(event: MessageEvent, envelope: Envelope): void;
  /** A message has failed so often, and is tried again after that long: tells whoever listens, and the log. */
  retrying(envelope: Envelope, error: unknown, attempt: number, afterMs: number): void;
  /** Sends to an address, in answer to `cause` if there is one. */
  deliverTo(address: Address, payload: unknown, cause?: Envelope): void;
  /** There is a dead letter: counts it, and tells whoever listens, and the log. */
  deadLettered(letter: DeadLetter, error?: unknown): void;
  /** A row of the store cannot be read, and is passed by. */
  unreadable(row: string, error: unknown): void;
  /** Makes a dead letter, and tells whoever waits for the answer. */
  deadLetter(envelope: Envelope, reason: string, message: string, error?: unknown): void;
}

/** What an activation needs of its system. */
export interface RuntimeServices extends TurnServices {
  readonly scheduler: Scheduler;
  readonly random: Random;
  readonly delivery: DeliveryPort;
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

/** Where messages of turns go that go into no mailbox of this process. */
export interface Elsewhere {
  takes(to: ActorId): boolean;
  /** `refuse` is told why it cannot be taken. */
  deliver(to: ActorId, route: Route, payload: unknown, refuse: (error: unknown) => void): void;
}
