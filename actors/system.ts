import type { Signal } from "../runtime/activations/resident.ts";
import type {
  AcceptedBy,
  ActorId,
  Address,
  Arguments,
  Payload,
  Ref,
  SendOptions,
} from "../runtime/language/address.ts";
import type { Clock } from "../runtime/base/clock.ts";
import type { When } from "../runtime/language/when.ts";
import type { Scheduled, ScheduleFilter } from "../runtime/ports/scheduled.ts";
import type {
  ListenOptions,
  Published,
  Replies,
  Subscribed,
  Subscription,
  SurveyOptions,
} from "../runtime/language/context.ts";
import type { Control } from "../runtime/ports/control.ts";
import type { DeadLetters } from "../runtime/ports/dead_letters.ts";
import type { EventLog } from "../runtime/ports/event_log.ts";
import { topicKey } from "../runtime/messages/builtin_protocols.ts";
import { requireDelay } from "../runtime/base/require.ts";
import type { InspectOptions, Inspector } from "../runtime/ports/inspection.ts";
import type { Observation } from "../runtime/ports/observation.ts";
import type {
  InputOf,
  NamedProtocol,
  Operation,
  OutputOf,
  ReplyOf,
  ReplyOutputOf,
} from "../runtime/language/protocol.ts";
import type { Health, StopOptions, StopReport } from "../runtime/ports/health.ts";
import { Runtime } from "../runtime/runtime.ts";
import type { Stats } from "../runtime/ports/stats.ts";
import type { SystemOptions } from "../runtime/ports/options.ts";
import type { Ticket } from "../runtime/language/ticket.ts";
import type { LocalListener } from "./builtin/listener.ts";
import { SystemControl } from "./control.ts";
import { eraseMail } from "./erase_mail.ts";
import { modesOf } from "./modes.ts";
import { SystemObservation } from "./observe.ts";
import { publish, subscribe } from "./publish.ts";
import { ActorRef } from "./ref.ts";
import { cancelSchedule, schedule, schedulesOf } from "./schedules.ts";
import { ticketOf } from "./submit.ts";
import { subscriptionsOf, unsubscribe } from "./subscriptions.ts";
import { surveyAll } from "./survey.ts";

/**
 * A set of actors in this process, and the five modes to send to them. Two systems share nothing, unless they use the
 * same store.
 *
 * Messages from one sender (an actor, or this process) to one receiver are handled in the order of sending. State,
 * messages and reply of a turn take effect together: in memory at most once, and they are lost with the process; with a
 * store exactly once.
 *
 * Dispose of it (`await using`), or call {@linkcode System.stop}: it holds timers.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { actor, ask, protocol, System, tell } from "@posthorn/posthorn";
 * import * as z from "zod";
 *
 * const Greeter = protocol("greeter", { greet: ask(z.string(), z.string()) });
 * const greeter = actor(Greeter, { state: () => null, on: { greet: (ctx, name) => `${ctx.key} greets ${name}` } });
 *
 * await using system = new System({ actors: [greeter] });
 * assert(await system.ref(Greeter, "ada").ask(Greeter.greet, "Bob") === "ada greets Bob");
 * ```
 */
export class System implements AsyncDisposable {
  readonly #runtime: Runtime;

  /**
   * Creates a system. Without a store it sets no timer and reads no randomness before its first use, so a program can
   * create it in the global scope of a platform that allows neither there.
   *
   * Throws a `RangeError` if an option is out of its bounds, and a `TypeError` if an option does not exist; if one of the
   * actors is none, or two have the same protocol; if there is a transport without a name, `remote` without a transport,
   * or `peers` without a store; if a protocol is in two of `actors`, `peers` and `remote`; if a tell, ask or submit is
   * exposed that no actor here handles, or what is exposed or heard is `unchecked`.
   */
  constructor(options: SystemOptions) {
    this.#runtime = new Runtime(options, modesOf);
  }

  /**
   * Returns a handle to one actor.
   *
   * Throws a {@linkcode PosthornError} (`invalid-key`) unless the key is 1 to 512 bytes of text without control
   * characters, and neither `.` nor `..`.
   */
  ref<Name extends string>(protocol: NamedProtocol<Name>, key: string): Ref<Name> {
    return new ActorRef(this.#runtime, protocol, key).typed();
  }

  /**
   * Publishes an event, which need not have subscribers. Resolves when the topic of the event has accepted it. Each
   * subscriber of that moment gets it once, in the order of publishing. There is no order between different events.
   * Rejects as {@linkcode Ref.tell} does. If the transport exposes the event, other services get it too. If it is only in
   * `remote`, other services publish it, and this rejects with a {@linkcode NotFoundError} (`unknown-operation`).
   */
  publish<Op extends Operation<"event">>(
    event: Op,
    ...args: Arguments<InputOf<Op>, SendOptions>
  ): Promise<void> {
    return publish(this.#runtime, event, ...args as [unknown?, SendOptions?]);
  }

  /**
   * Subscribes an address, or a function in this process, to an event, or to a survey as a respondent. The subscriber
   * gets what this system publishes afterwards, and of what `remote` names what other services publish, until the result
   * is disposed of. A function is called with one message at a time; if it throws, or does not settle within `turnMs`,
   * the message becomes a dead letter. Subscribing the same address again replaces its subject.
   *
   * With a store, the subscription of an address is stored, and remains when this process ends or a later version of
   * the program no longer makes it. Disposing of the result, or {@linkcode System.unsubscribe}, ends it. `ready`
   * resolves when the store has committed it.
   *
   * Throws a `RangeError` if the subject is not a pattern or `turnMs` is out of its bounds, a `TypeError` if an address
   * has a `turnMs`, a {@linkcode StoppedError}, and a {@linkcode
   * MailboxFullError} if the mailbox of the topic is full (with a store `ready` rejects with that). Throws a {@linkcode
   * StoreError} (`store-unavailable`) if 10,000 subscriptions of addresses wait for a store that is unavailable, and
   * a {@linkcode LimitExceededError} (`too-many-actors`) if there is no room for the actor of a function.
   */
  subscribe<Op extends Operation<"event" | "survey">>(
    event: Op,
    to:
      | Address<InputOf<Op>, ReplyOf<Op> | undefined>
      | ((
        payload: OutputOf<Op>,
        published: Published,
      ) => ReplyOf<Op> | undefined | Promise<ReplyOf<Op> | undefined>),
    options?: ListenOptions,
  ): Subscription {
    return subscribe(this.#runtime, event, to as Address | LocalListener, options);
  }

  /**
   * The addresses that are subscribed to an event, or to a survey as respondents, in no order. They include those that
   * turns and earlier versions of the program subscribed, but not functions. It waits up to `askTimeoutMs` for each
   * page, and rejects as {@linkcode Ref.ask} does.
   */
  subscriptions(event: Operation<"event" | "survey">): AsyncIterable<Subscribed> {
    return subscriptionsOf(this.#runtime, event);
  }

  /**
   * Ends the subscription of an address to an event or a survey, also one that a turn or another process made. Resolves
   * with whether there was one. An address whose types nobody knows fits: `subscriptions` lists those, and a program names
   * them of a subscriber that it no longer has. Messages that were sent to it before stay in its mailbox. Rejects as
   * {@linkcode Ref.ask} does.
   */
  unsubscribe<Op extends Operation<"event" | "survey">, To extends Address>(
    event: Op,
    to: To & (Address extends To ? unknown : Address<InputOf<Op>, ReplyOf<Op> | undefined>),
  ): Promise<boolean> {
    return unsubscribe(this.#runtime, event, to);
  }

  /**
   * Erases the messages in the store that wait for the actors of a protocol that no living instance hosts, or for one of
   * them: what a subscriber leaves that the program no longer has. End its subscriptions first ({@linkcode
   * System.unsubscribe}), or it gets further ones. Who waits for the reply to one of them gets the failure `mail-erased`;
   * none becomes a dead letter. State, schedules, subscriptions, and messages that are delayed and not due stay. Resolves
   * with how many messages were erased; one that is handled meanwhile is not among them. Without a store there are none.
   *
   * Rejects with a {@linkcode PosthornError} (`protocol-hosted`) if this system or another living instance hosts the
   * actors, `invalid-key`, a `RangeError` if the protocol is no name of one, and a {@linkcode StoreError}; then some may
   * have been erased, and the call can be repeated.
   *
   * @param of the name of the protocol, and the key of one actor if only its messages are meant. A {@linkcode Ref} fits
   */
  eraseMail(of: { readonly protocol: string; readonly key?: string }): Promise<number> {
    return eraseMail(this.#runtime, of);
  }

  /**
   * Asks all respondents at once and yields their replies as they arrive, until there are `max` replies, each respondent of
   * that moment has replied, abstained or failed (at once, if there is none), or the time is up; `end` of the result says
   * which. The call sends the question. Leaving the loop early ends the survey, unless it has an id: then the replies are
   * collected to its end, for a repeat with the same id. Later replies are counted (`stats().lateReplies`) and dropped.
   *
   * With a store, respondents of all instances are asked, but only those functions that are in this process. Each reply
   * arrives at most once. Replies do not survive the process that asks: they are dropped if it has ended, or if they
   * come more than an hour too late. If the transport exposes the survey, or `remote` names it, respondents of other
   * services are asked too, and then it ends before its time only if there are `max` replies, or if `services` says how
   * many services take part.
   *
   * Throws as {@linkcode Ref.tell} rejects, and a `RangeError` if an option is out of its bounds.
   *
   * @example
   * ```ts
   * import assert from "node:assert/strict";
   * import { protocol, survey, System } from "@posthorn/posthorn";
   * import * as z from "zod";
   *
   * const Carrier = protocol("carrier", { quote: survey(z.number(), z.number()) });
   * await using system = new System({ actors: [] });
   * using _cheap = system.subscribe(Carrier.quote, (grams) => grams * 2);
   * using _heavy = system.subscribe(Carrier.quote, (grams) => grams < 1_000 ? undefined : grams); // abstains
   *
   * const quotes = system.survey(Carrier.quote, 500, { timeoutMs: 60_000 });
   * assert.deepEqual(await Array.fromAsync(quotes), [1_000]);
   * assert(quotes.end === "all"); // nobody is left, so it does not wait for a minute
   * ```
   */
  survey<Op extends Operation<"survey">>(
    operation: Op,
    ...args: Arguments<InputOf<Op>, SurveyOptions>
  ): Replies<ReplyOutputOf<Op>> {
    const [first, second] = args as [unknown?, SurveyOptions?];
    return surveyAll(this.#runtime, operation, first, second) as Replies<ReplyOutputOf<Op>>;
  }

  /** The log of an event in the store; `undefined` if the system has no store. */
  eventLog(event: Operation<"event">): EventLog | undefined {
    return this.#runtime.persistence?.eventLog(topicKey(event));
  }

  /**
   * Returns the ticket of an earlier submit, by the id of its ticket. With the operation of that submit the ticket is typed,
   * and validates the reply; without it, it gives the reply before its schema transforms it. `caller` is the caller that
   * the submit named: replies of other callers are not found.
   */
  ticket<Op extends Operation<"submit"> = Operation<"submit">>(
    id: string,
    operation?: Op,
    options?: { readonly caller?: string },
  ): Ticket<ReplyOutputOf<Op>> {
    return ticketOf(this.#runtime, id, operation, options?.caller) as Ticket<ReplyOutputOf<Op>>;
  }

  /**
   * Sets a schedule of the actor at an address, in a turn of that actor, as if it had called `ctx.schedule`: a name of the
   * actor, a time, and the message that it gets then. One that repeats and is set again as it is (time, address and
   * payload) goes on, and a changed one replaces it, so a program may set it at each start. Resolves when it is set: in
   * memory, or with the commit of the turn.
   *
   * Rejects with a `RangeError` if the name or the time is invalid, as {@linkcode Ref.ask} does if the actor does not set
   * it, and with a {@linkcode LimitExceededError} (`too-many-schedules`) if it has 1,000 others. Only actors that this
   * system hosts can be scheduled for.
   *
   * @example
   * ```ts
   * import assert from "node:assert/strict";
   * import { actor, ask, protocol, System, tell } from "@posthorn/posthorn";
   * import { VirtualClock } from "@posthorn/posthorn/testing";
   * import * as z from "zod";
   *
   * const Report = protocol("report", { build: tell(), built: ask(z.number()) });
   * const report = actor(Report, { state: () => 0, on: { build: (ctx) => { ctx.state += 1; }, built: (ctx) => ctx.state } });
   *
   * const clock = new VirtualClock({ nowMs: Date.UTC(2030, 0, 1, 12) });
   * await using system = new System({ actors: [report], clock });
   * const main = system.ref(Report, "main");
   * await system.schedule("nightly", { cron: "0 2 * * *", timeZone: "Europe/Berlin" }, main.at(Report.build));
   * await clock.advance(2 * 86_400_000);
   * assert(await main.ask(Report.built) === 2);
   * ```
   */
  async schedule<To extends Address>(
    name: string,
    when: When,
    to: To,
    ...payload: Payload<AcceptedBy<To>>
  ): Promise<void> {
    await schedule(this.#runtime, name, when, to, payload[0]);
  }

  /**
   * The schedules of all actors, of those of a protocol, or of one actor; a handle names one. They are read a page at a
   * time: those of transient actors of this process first, then those in the store in the order of their keys. A schedule
   * that is due is listed until its message was sent. Delayed sends are not listed.
   */
  schedules(of?: ScheduleFilter): AsyncIterable<Scheduled> {
    return { [Symbol.asyncIterator]: () => schedulesOf(this.#runtime, of) };
  }

  /**
   * Cancels a schedule of an actor. Resolves with whether there was one that had not fired yet. It needs no turn of
   * that actor: with a store it can be cancelled although nothing hosts that any more, or its messages wait for long.
   * Rejects if the name or the key is invalid, and as {@linkcode Ref.ask} does if the system has stopped, or the store fails.
   */
  cancelSchedule(actor: ActorId, name: string): Promise<boolean> {
    return cancelSchedule(this.#runtime, actor, name);
  }

  /**
   * Sends a signal to an actor, if it exists. The signal takes effect before all waiting messages. `passivate`: the
   * actor leaves memory until the next message. `restart`: it begins again from its last committed state. `erase`: its
   * state, schedules and subscriptions are erased. If a durable actor has to be loaded first, it returns a promise,
   * which rejects with a {@linkcode StoreError} or a {@linkcode LimitExceededError} if the signal was not sent.
   */
  signal(actor: ActorId, signal: Signal): void | Promise<void> {
    return this.#runtime.signal(actor, signal);
  }

  /** Calls `inspector` with every event of the system, or with a sample of them, until the result is disposed of. */
  inspect(inspector: Inspector, options?: InspectOptions): Disposable {
    return this.#runtime.delivery.inspectors.add(inspector, options);
  }

  /** The messages that will not be delivered, with the reasons. */
  get deadLetters(): DeadLetters {
    return this.#runtime.delivery.deadLetters;
  }

  /** Questions to all instances on the store, which change nothing: what actors hold, what waits, what fails and why. */
  get observe(): Observation {
    return new SystemObservation(this.#runtime);
  }

  /**
   * The reason why neither an actor of this system, nor a peer, nor another service handles an operation that is sent to
   * an actor, with a similar name if there is one; `undefined` if one does. For an ingress, which can refuse at its start
   * what could never be answered.
   */
  whyUnhandled(operation: Operation): string | undefined {
    return this.#runtime.whyUnhandled(operation);
  }

  /** Returns counts of messages and actors. */
  stats(): Stats {
    return this.#runtime.stats();
  }

  /** Whether the system accepts messages, and if not, the reason. */
  get health(): Health {
    return this.#runtime.health;
  }

  /** The clock of the system. */
  get clock(): Clock {
    return this.#runtime.clock;
  }

  /** What an operator does to all instances on the store: to dead letters, schedules and requests; and pauses of protocols. */
  get control(): Control {
    return new SystemControl(this.#runtime);
  }

  /**
   * Resolves when the store is open, and at once without a store. Rejects with a {@linkcode StoreError} if the store
   * cannot be used, does not answer within 15 s, or, if that will probably pass (a server that starts), cannot be used
   * for 20 s. Until it can be used, every send rejects with the same error. The system tries to open it again after
   * 0.25 s, then after longer delays of up to `traits.heartbeatMs`.
   *
   * With a transport it also waits until the broker has what this service reads, so that others can send to it; but it
   * does not wait for a broker that is away. Rejects if the transport can never be used.
   */
  async ready(): Promise<void> {
    await this.#runtime.persistence?.opened;
    await this.#runtime.remote?.opened;
  }

  /**
   * Does the work of a heartbeat now: takes over the messages of ended instances, and sends what is due. For platforms
   * that start a process from time to time, or at the time that `onWakeAt` was told, and stop it again; and for the
   * `alarm()` of a Durable Object. Resolves when nothing is left to do, and at once without a store.
   */
  async sweep(): Promise<void> {
    await this.#runtime.persistence?.sweep();
  }

  /** Returns a new message id: a ULID. */
  newId(): string {
    return this.#runtime.ids.ulid();
  }

  /** Resolves when the system has stopped: with the failure that an actor escalated, or with `undefined`. */
  get closed(): Promise<unknown> {
    return this.#runtime.closed;
  }

  /**
   * Stops the system. It accepts no more messages (code `stopping`), runs turns for up to `drainMs`, and makes dead
   * letters of the messages that are left in memory; those in a store stay there. Callers that still wait for a reply
   * get a {@linkcode StoppedError}. It waits up to 5 s for commits that are under way; the callers of the others get an
   * {@linkcode OutcomeUnknownError}. It ends within `drainMs` and 12 s, whatever the store does. With a transport it hands
   * over nothing more of what other services send, and waits up to 5 s more for what it was handed, and 1 s for what is
   * being sent. A second call has no effect.
   */
  async stop(options?: StopOptions): Promise<StopReport> {
    const { drainMs = this.#runtime.options.drainMs } = options ?? {};
    requireDelay("drainMs", drainMs);
    return await this.#runtime.stop(drainMs);
  }

  /** Stops the system with the `drainMs` of its options. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}
