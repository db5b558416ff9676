import type { ActorId, Address } from "../language/address.ts";
import type { When } from "../language/when.ts";
import type { DeadLetter } from "./dead_letters.ts";
import type { LaneStats } from "./stats.ts";
import type { TransportHealth } from "./health.ts";

/** Which page of a list is asked for. */
export interface PageOptions {
  /** Where the page begins: the {@linkcode Page.next} of the page before. Without it the list begins. */
  readonly after?: string;
  /** The most items that a page has: from 1 to 1,000; 100 by default. */
  readonly limit?: number;
}

/** A part of a list. */
export interface Page<Item> {
  /** The items, in the order of the list. */
  readonly items: readonly Item[];
  /** Where the next page begins; absent if this is the last one. */
  readonly next?: string;
}

/** A number of rows that was counted up to a bound. */
export interface Count {
  /** How many there are, at most 10,000. */
  readonly count: number;
  /** Whether there may be more than that. */
  readonly more: boolean;
}

/** A process that runs the system on the store. */
export interface ObservedInstance {
  /** Its name, which no other process ever has. */
  readonly instance: string;
  /** The protocols whose actors it hosts; absent if they are too many to be told. */
  readonly hosts?: readonly string[];
  /** The time of its clock when it was last heard of, in milliseconds since 1970; absent if it did not tell. */
  readonly atMs?: number;
  /** Whether it is the process that answers. */
  readonly own: boolean;
}

/** The actors of a protocol together. */
export interface ObservedProtocol {
  /** The name of the protocol. */
  readonly protocol: string;
  /** Whether an instance that is known hosts its actors. Mail of a protocol that nobody hosts waits. */
  readonly hosted: boolean;
  /** Whether its actors are paused. */
  readonly paused: boolean;
  /** How many actors have a state, or something else that is kept. */
  readonly actors: Count;
  /** How many messages wait for its actors. */
  readonly waiting: Count;
  /** When the oldest of the waiting messages that were looked at was accepted, in milliseconds since 1970. */
  readonly oldestMs?: number;
  /** How many of its actors wait for a further attempt. */
  readonly failing: Count;
}

/** A failed attempt, and when the next is made. */
export interface ObservedRetry {
  /** How many attempts were made. */
  readonly attempts: number;
  /** When the next one is made, in milliseconds since 1970. */
  readonly nextMs: number;
  /** The error of the last attempt in words; absent if no instance that is asked knows it. */
  readonly error?: string;
}

/** An actor in a list. */
export interface ObservedActor extends ActorId {
  /** How many messages wait for it. */
  readonly waiting: Count;
  /** When the oldest of them was accepted, in milliseconds since 1970. */
  readonly oldestMs?: number;
  /** Present if its first message has failed and is tried again. */
  readonly retry?: ObservedRetry;
  /** The beginning of its state as text: at most 200 UTF-16 units. Absent if it has none. */
  readonly state?: string;
}

/** A message in a mailbox. */
export interface ObservedMessage {
  /** The id of the message. */
  readonly id: string;
  /** The name of its operation. */
  readonly operation: string;
  /** When it was accepted, in milliseconds since 1970. */
  readonly acceptedMs: number;
  /** The id of the message whose turn sent it. */
  readonly causationId?: string;
  /** The id of the first message in the chain of messages that led to it. */
  readonly correlationId: string;
  /** Its payload as text, cut after 4,000 UTF-16 units. */
  readonly payload: string;
  /** Its headers. */
  readonly headers?: Readonly<Record<string, string>>;
  /** When its sender stops waiting, in milliseconds since 1970. */
  readonly deadlineMs?: number;
  /** Present if it has failed and is tried again. */
  readonly retry?: ObservedRetry;
}

/** All that is known of one actor. */
export interface ObservedActorDetails extends ActorId {
  /** Its state as text: JSON, or superjson with a `~` before it where it holds what JSON cannot, cut after 64,000 UTF-16 units. Absent if it has none. */
  readonly state?: string;
  /** The `stateVersion` of the program that wrote the state. */
  readonly stateVersion?: number;
  /** How many messages wait for it. */
  readonly waiting: Count;
  /** The first of these messages, at most 100. */
  readonly messages: readonly ObservedMessage[];
  /** Its schedules, at most 100. */
  readonly schedules: readonly ObservedSchedule[];
  /** The topics that it subscribes to, at most 100: `order.settled`. */
  readonly subscriptions: readonly string[];
  /** Whether its protocol is paused. */
  readonly paused: boolean;
}

/** A schedule, or a delayed message. */
export interface ObservedSchedule {
  /** The actor that it belongs to; of a delayed message the actor that gets it. */
  readonly actor: ActorId;
  /** Its name; absent for a delayed message. */
  readonly name?: string;
  /** When it is due next, in milliseconds since 1970. */
  readonly dueMs: number;
  /** When it repeats; absent if it does not, and for a delayed message. */
  readonly when?: When;
  /** Where its message goes. */
  readonly to?: Address;
}

/** A topic of an event, and who follows it. */
export interface ObservedTopic {
  /** The event: `order.settled`. */
  readonly topic: string;
  /** How many actors subscribe to it. */
  readonly subscribers: Count;
  /** The first of them, at most 100. */
  readonly firstSubscribers: readonly Address[];
  /** How many events its log keeps. */
  readonly events: Count;
  /** How many messages of the event wait in the mailboxes of its first subscribers. */
  readonly lag: Count;
}

/** The reply to a submit. */
export interface ObservedReply {
  /** The name of the reply: the id of its ticket. */
  readonly id: string;
  /** Whether it is awaited, came, or will not come. */
  readonly status: "pending" | "done" | "failed";
  /** Until when it is kept, in milliseconds since 1970. */
  readonly untilMs?: number;
  /** The actor that has the request, while it is pending; absent if it is elsewhere. */
  readonly actor?: ActorId;
  /** Whether the actor has answered that its reply comes later. */
  readonly later: boolean;
  /** The failure, if it failed. */
  readonly failure?: { readonly code: string; readonly message: string };
}

/** Which actors are listed. */
export interface ActorsFilter extends PageOptions {
  /** The name of the protocol. */
  readonly protocol: string;
  /** How the keys of the actors begin. */
  readonly prefix?: string;
}

/** Which dead letters are listed, resent or discarded. */
export interface DeadLetterFilter {
  /** Only those of this protocol. */
  readonly protocol?: string;
  /** Only those with this reason. */
  readonly reason?: string;
  /** Only those of this operation. */
  readonly operation?: string;
}

/** How many dead letters there are with one reason, of one protocol. */
export interface DeadLetterGroup {
  /** The protocol of their receivers. */
  readonly protocol: string;
  /** Their reason. */
  readonly reason: string;
  /** How many there are. */
  readonly count: number;
}

/**
 * Questions to a system, of all its instances on the store; without a store, of this process. They change nothing, need
 * no turn of an actor, and each does a bounded amount of work: a list is given in pages, and a count ends at 10,000. What
 * they tell is read row by row, so it is not of one moment.
 */
export interface Observation {
  /** The instances that share the store, by name; without a store this process alone. */
  instances(options?: PageOptions): Promise<Page<ObservedInstance>>;
  /** The protocols that have actors or messages, or are hosted, by name. Those of built-in actors are left out. */
  protocols(options?: PageOptions): Promise<Page<ObservedProtocol>>;
  /** The actors of a protocol, in the order of their keys. */
  actors(filter: ActorsFilter): Promise<Page<ObservedActor>>;
  /** One actor; `undefined` if nothing is known of it. */
  actor(actor: ActorId): Promise<ObservedActorDetails | undefined>;
  /** The schedules and the delayed messages, in the order of time. */
  schedules(options?: PageOptions): Promise<Page<ObservedSchedule>>;
  /** The topics that have a subscriber or a log, by name. */
  topics(options?: PageOptions): Promise<Page<ObservedTopic>>;
  /** The dead letters that match, the latest first. */
  deadLetters(filter?: DeadLetterFilter & PageOptions): Promise<Page<DeadLetter>>;
  /** How many dead letters there are by protocol and reason, of the latest 10,000. */
  deadLetterGroups(): Promise<readonly DeadLetterGroup[]>;
  /** The replies to submits that are pending or kept. */
  replies(options?: PageOptions): Promise<Page<ObservedReply>>;
  /** The messages of protocols that no instance hosts, by protocol. */
  unhosted(options?: PageOptions): Promise<Page<ObservedProtocol>>;
  /** The messages that wait to be sent to other services, by lane, and the state of the broker; `undefined` without a transport. */
  outbox(): Promise<ObservedOutbox | undefined>;
}

/** What waits to be sent to other services. */
export interface ObservedOutbox {
  /** The state of the broker, as this process sees it; absent if who answers has no connection to it. */
  readonly transport?: TransportHealth;
  /** The lanes that have messages, by name. */
  readonly lanes: Readonly<Record<string, LaneStats>>;
}
