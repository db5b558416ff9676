import type { ActorId, Address } from "../language/address.ts";
import type { BrokenActors } from "../ports/broken_actors.ts";
import type { DeadLetter } from "../ports/dead_letters.ts";
import type { Deduplication } from "../messages/deduplication.ts";
import type { Deadlines } from "../scheduling/deadlines.ts";
import type { Envelope, Route } from "../messages/envelope.ts";
import type { Inspectors } from "../ports/inspection.ts";
import type { MemoryHost } from "./memory_host.ts";
import type { MessageReports, MessageTimes } from "./message_reports.ts";
import type { MessageSink, Outgoing } from "../messages/outbox.ts";
import type { Random } from "../base/random.ts";
import type { Scheduler } from "../scheduling/scheduler.ts";
import type { Interception } from "../turns/interception.ts";
import type { TurnDelivery, TurnServices } from "../turns/turn_services.ts";

/** What an activation needs of the delivery of its system. */
export interface DeliveryPort extends MessageSink, TurnDelivery {
  /** The delayed messages that wait in memory. */
  readonly delayed: { take(replyKey: string): Outgoing | undefined };
  /** One message in one object, with a new id if it has none. */
  envelope(route: Route, key: string, value: unknown): Envelope;
  readonly inspectors: Inspectors;
  /** Tells observers what happens to messages. */
  readonly reports: MessageReports;
  /** How many messages found no mailbox. */
  undelivered: number;
  /** The window in which repeated ids are known to this process. */
  readonly deduplication: Deduplication;
  /** Who takes the messages that go into no mailbox of this process, once the system has begun. */
  readonly elsewhere: Elsewhere | undefined;
  /** The hosts of the actors that live in memory alone, by protocol. */
  readonly hosts: ReadonlyMap<string, MemoryHost>;
  /** The actor of that key that lives in memory alone, if there is one. */
  find(protocol: string, key: string): ActorId | undefined;
  /** Reports to observers and to the log that a message has failed and is tried again. */
  retrying(envelope: Envelope, error: unknown, afterMs: number, times?: MessageTimes): void;
  /** Sends to an address, in answer to `cause` if there is one. */
  deliverTo(address: Address, payload: unknown, cause?: Envelope): void;
  /** Counts a new dead letter, and reports it to observers and to the log. */
  deadLettered(letter: DeadLetter, error?: unknown): void;
  /** Reports a row of the store that cannot be read and is skipped. */
  unreadable(row: string, error: unknown): void;
  /** Makes a dead letter of a message, and rejects the caller that waits for its reply. */
  deadLetter(envelope: Envelope, reason: string, message: string, error?: unknown): void;
}

/** What an activation needs of its system. */
export interface RuntimeServices extends TurnServices {
  readonly scheduler: Scheduler;
  readonly deadlines: Deadlines;
  readonly random: Random;
  readonly delivery: DeliveryPort;
  /** The interceptors; absent if there are none. */
  readonly interception: Interception | undefined;
  /** The actors whose state cannot be made. */
  readonly broken: BrokenActors;
  /** How many turns are awaited. */
  running: number;
  /** How many messages were taken back here whose actors are not hosted here. */
  cancelledElsewhere: number;
  /** Looks whether nothing is left to run. */
  rest(): void;
  /** Stops the system because of a failure. */
  escalate(actor: ActorId, error: unknown): void;
  /** Ends the subscriptions of an actor that was erased. */
  leaveTopics(actor: ActorId): void;
}

/** Takes the messages of turns that go into no mailbox of this process. */
export interface Elsewhere {
  takes(to: ActorId): boolean;
  /** Sends a message. Throws, or rejects, if it cannot be accepted. */
  send(to: ActorId, route: Route, payload: unknown): Promise<unknown> | undefined;
  /** The reply under that key will come through a later, if replies are kept in memory: it waits for as long as that. */
  hold?(key: string, later: string): void;
}
