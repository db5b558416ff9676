import type { ActorId, Address } from "../language/address.ts";
import type { When } from "../language/when.ts";
import type { DeadLetter } from "./dead_letters.ts";
import type { TransportHealth } from "./health.ts";

/** Which page of a list is asked for. */
export interface PageOptions {
  /** Where the page begins: the {@linkcode Page.next} of the page before. Without it the list begins. */
  readonly after?: string;
  /** The most items that a page has: from 1 to 1,000; 100 by default. */
  readonly limit?: number;
  /**
   * Where the counts of this call end: from 1 to 10,000; 10,000 by default. Who asks again and again, as a page that shows
   * how things go, takes less.
   */
  readonly countMax?: number;
}

/** A part of a list. */
export interface Page<Item> {
  /** The items, in the order of the list. They may be fewer than `limit` although others follow. */
  readonly items: readonly Item[];
  /** Where the next page begins; absent if this is the last one. */
  readonly next?: string;
  /** How many rows of this part of the list cannot be read and were left out; absent if there is none. */
  readonly unreadable?: number;
}

/** A number that was counted up to a bound. */
export interface Count {
  /** How many were counted: at most 10,000, and fewer if the call has read as much as it may. */
  readonly count: number;
  /** Whether there may be more. */
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
  /** Whether its actors are paused. Of transient actors only their process can tell: over a bare store this is of its durable ones. */
  readonly paused: boolean;
  /** How many actors have a state, or something else that is kept. */
  readonly actors: Count;
  /** How many messages wait for its actors. */
  readonly waiting: Count;
  /** When the oldest of the waiting messages that were looked at was accepted, in milliseconds since 1970. */
  readonly oldestMs?: number;
  /** How many of its actors have a first message that has failed, of those actors whose messages were looked at. */
  readonly failing: Count;
}

/** A failed attempt, and when the next is made. */
export interface ObservedRetry {
  /** How many attempts count: those that failed, and those whose process ended; one that is under way only without `nextMs`. */
  readonly attempts: number;
  /**
   * When the next one is made, in milliseconds since 1970: that has passed if it is under way. Absent if one is under way after
   * a process had ended.
   */
  readonly nextMs?: number;
  /** The error of the last attempt in words, at most 1,000 UTF-16 units; absent if a process ended, or if its actor is so large that there was no room. */
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
  /** Why the row with its state cannot be read; absent if it can. */
  readonly fault?: string;
}

/** A message in a mailbox. */
export interface ObservedMessage {
  /** The id of the message; absent if it is in memory, where a message has none before somebody needs it. */
  readonly id?: string;
  /** The name of its operation. */
  readonly operation: string;
  /** When it was accepted, in milliseconds since 1970; absent if it is in memory and nobody listened then. */
  readonly acceptedMs?: number;
  /** The id of the message whose turn sent it. */
  readonly causationId?: string;
  /** The id of the first message in the chain of messages that led to it; absent if it is the first and has no id. */
  readonly correlationId?: string;
  /** Its payload as text, cut after 4,000 UTF-16 units. */
  readonly payload: string;
  /** Its headers. */
  readonly headers?: Readonly<Record<string, string>>;
  /** When its sender stops waiting, in milliseconds since 1970. */
  readonly deadlineMs?: number;
  /** Present if it has failed and is tried again. */
  readonly retry?: ObservedRetry;
  /** Why its row cannot be read; absent if it can. The payload is then the whole row. */
  readonly fault?: string;
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
  /** Its schedules in the order of their names, at most 100. */
  readonly schedules: readonly ObservedSchedule[];
  /** The topics that it subscribes to, at most 100: `order.settled`. */
  readonly subscriptions: readonly string[];
  /** Whether its protocol is paused. */
  readonly paused: boolean;
  /** Why the row with its state cannot be read; absent if it can. */
  readonly fault?: string;
}

/** A schedule, or a delayed message. */
export interface ObservedSchedule {
  /** The actor that it belongs to; of a delayed message the actor that gets it. */
  readonly actor: ActorId;
  /** Its name; absent for a delayed message. */
  readonly name?: string;
  /** When it is due, in milliseconds since 1970; 0 if one actor is asked for and the row of the schedule cannot be read. */
  readonly dueMs: number;
  /** When it is due, as it was set, a delay as the time at which it ends; absent for a delayed message. */
  readonly when?: When;
  /** Where its message goes. */
  readonly to?: Address;
  /** Why its row cannot be read, which leaves `when` and `to` out; absent if it can. */
  readonly fault?: string;
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
  /** How many messages wait for its first subscribers, at the operations that they subscribe with, and at the topic itself. */
  readonly lag: Count;
}

/** The reply to a submit. */
export interface ObservedReply {
  /** The name of the reply: the id of its ticket. */
  readonly id: string;
  /** Whether it is awaited, came, or will not come. */
  readonly status: "pending" | "done" | "failed";
  /** Until when it is kept, in milliseconds since 1970; absent if that is not known. */
  readonly untilMs?: number;
  /** The actor that has the request, while it is pending; absent if it is elsewhere. */
  readonly actor?: ActorId;
  /** Whether the actor has answered that its reply comes later. */
  readonly later: boolean;
  /** The caller, if the submit named one: only with that name is the reply found. */
  readonly caller?: string;
  /** The failure, if it failed. */
  readonly failure?: { readonly code: string; readonly message: string };
}

/** Which actors are listed. */
export interface ActorsFilter extends PageOptions {
  /** The name of the protocol. */
  readonly protocol: string;
  /** How the keys of the actors begin. */
  readonly prefix?: string;
  /** Whether only actors are listed that messages wait for. */
  readonly waiting?: boolean;
}

/** Which failing actors are listed. */
export interface FailingFilter extends PageOptions {
  /** The name of their protocol; without it those of all protocols are listed. */
  readonly protocol?: string;
}

/** Which replies are listed. */
export interface RepliesFilter extends PageOptions {
  /** Only those of this status. */
  readonly status?: ObservedReply["status"];
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

/** A dead letter in a list. */
export interface ObservedDeadLetter extends DeadLetter {
  /** The id of the first message in the chain of messages that led to it; absent if it is that itself. */
  readonly correlationId?: string;
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

/** How many dead letters there are. */
export interface DeadLetterGroups {
  /** By protocol and reason, the largest group first. */
  readonly groups: readonly DeadLetterGroup[];
  /** Whether there are older ones that were not counted. */
  readonly more: boolean;
}

/**
 * Questions to a system, of all its instances on the store; without a store, of this process. They change nothing, need
 * no turn of an actor, and each does a bounded amount of work: a list is given in pages, a count ends at 10,000, and no call
 * reads more than 40,000 rows, or more than about 32 MiB. What they tell is read row by row, so it is not of one moment. Asks
 * that wait in the memory of a process are not seen, nor are messages that are accepted with their turn.
 *
 * Each rejects with a {@linkcode PosthornError} (`invalid-question`) if an argument is out of its bounds, and with a
 * {@linkcode StoreError} if the store does not answer.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { actor, protocol, System, tell } from "@posthorn/posthorn";
 * import * as z from "zod";
 *
 * const Order = protocol("order", { add: tell(z.number()) });
 * const order = actor(Order, { state: () => 0, on: { add: (ctx, cents) => void (ctx.state += cents) } });
 *
 * await using system = new System({ actors: [order] });
 * for (const key of ["ada", "bob", "cyd"]) await system.ref(Order, key).tell(Order.add, 450);
 *
 * const { items, next } = await system.observe.actors({ protocol: "order", limit: 2 });
 * assert(items.map(({ key, state }) => `${key}: ${state}`).join() === "ada: 450,bob: 450");
 * const rest = await system.observe.actors({ protocol: "order", after: next });
 * assert(rest.items[0].key === "cyd" && rest.next === undefined);
 * ```
 */
export interface Observation {
  /** The instances that share the store, by name; without a store this process alone. */
  instances(options?: PageOptions): Promise<Page<ObservedInstance>>;
  /** The protocols that have actors or messages, or are hosted, by name. Those of built-in actors are left out. */
  protocols(options?: PageOptions): Promise<Page<ObservedProtocol>>;
  /** The actors of a protocol, in the order of their keys. The messages of each are counted up to 100. */
  actors(filter: ActorsFilter): Promise<Page<ObservedActor>>;
  /** One actor; `undefined` if nothing is known of it. */
  actor(actor: ActorId): Promise<ObservedActorDetails | undefined>;
  /** The actors whose first message has failed and is tried again, by protocol and key. */
  failing(filter?: FailingFilter): Promise<Page<ObservedActor>>;
  /** The schedules and the delayed messages, in the order of time. */
  schedules(options?: PageOptions): Promise<Page<ObservedSchedule>>;
  /** The topics that have a subscriber or a log, by name. */
  topics(options?: PageOptions): Promise<Page<ObservedTopic>>;
  /** The dead letters that match, the latest first. */
  deadLetters(filter?: DeadLetterFilter & PageOptions): Promise<Page<ObservedDeadLetter>>;
  /** How many dead letters there are by protocol and reason, of the latest 10,000. */
  deadLetterGroups(): Promise<DeadLetterGroups>;
  /** The replies to submits that are pending or kept. */
  replies(filter?: RepliesFilter): Promise<Page<ObservedReply>>;
  /** The protocols that have messages and are hosted by no instance, by name. */
  unhosted(options?: PageOptions): Promise<Page<ObservedProtocol>>;
  /** The messages that wait to be sent to other services, by lane, and the state of the broker; `undefined` without a transport. */
  outbox(options?: PageOptions): Promise<ObservedOutbox | undefined>;
  /** The shards of the broker that this service has accepted messages of, by channel and name; none without a store or a transport. */
  tenures(options?: PageOptions): Promise<Page<ObservedTenure>>;
}

/** What waits to be sent to other services. */
export interface ObservedOutbox {
  /** The state of the broker, as this process sees it; absent if who answers has no connection to it. */
  readonly transport?: TransportHealth;
  /** The lanes that have messages, by name. */
  readonly lanes: Page<ObservedLane>;
}

/** The messages that wait to be sent to one destination. */
export interface ObservedLane {
  /** Its name: `inbox:order`, `event:order.settled`; `replies` for the replies to other services together. */
  readonly lane: string;
  /** How many there are. */
  readonly waiting: Count;
  /** When the oldest of them was written, in milliseconds since 1970; absent if that is not known. */
  readonly oldestMs?: number;
}

/** A shard of the broker, and the instance that accepted its last messages. */
export interface ObservedTenure {
  /** The channel that the shard is a part of: `inbox:order`, `event:order.settled`, `replies`. */
  readonly channel: string;
  /** The name of the shard, as the transport gave it. */
  readonly shard: string;
  /**
   * The instance that accepted messages of it last, by the name that it had when it began to read the shard: one that was
   * taken for dead by others goes on under another name. It may have ended since.
   */
  readonly instance: string;
  /** When the last message of it was accepted, in milliseconds since 1970; absent if none was. */
  readonly acceptedMs?: number;
  /** The position in the log up to which all is accepted; absent if the shard is a queue. */
  readonly position?: number;
}
