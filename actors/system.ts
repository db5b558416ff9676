import type { Signal } from "../runtime/activations/resident.ts";
import type { ActorId, Address, Arguments, Ref, SendOptions } from "../runtime/language/address.ts";
import type { Clock } from "../runtime/base/clock.ts";
import type {
  Published,
  Subscribed,
  SubscribeOptions,
  Subscription,
  SurveyOptions,
} from "../runtime/language/context.ts";
import type { DeadLetters } from "../runtime/ports/dead_letters.ts";
import type { EventLog } from "../runtime/ports/event_log.ts";
import { topicKey } from "../runtime/messages/builtin_protocols.ts";
import { requireDelay } from "../runtime/base/errors.ts";
import type { Inspector } from "../runtime/ports/inspection.ts";
import type {
  InputOf,
  NamedProtocol,
  Operation,
  OutputOf,
  ReplyOf,
  ReplyOutputOf,
} from "../runtime/language/protocol.ts";
import type { Health, StopReport } from "../runtime/ports/health.ts";
import { type ModeSet, Runtime } from "../runtime/runtime.ts";
import type { Stats } from "../runtime/ports/stats.ts";
import type { SystemOptions } from "../runtime/ports/options.ts";
import type { Ticket } from "../runtime/language/ticket.ts";
import { ask } from "./ask.ts";
import { listenerActor, type LocalListener, publish, subscribe, topicActor } from "./publish.ts";
import { ActorRef } from "./ref.ts";
import { ticketOf } from "./submit.ts";
import { subscriptionsOf, unsubscribe } from "./subscriptions.ts";
import { collectorActor, surveyAll, type SurveyEnd } from "./survey.ts";

/** Options of {@linkcode System.stop}. */
export interface StopOptions {
  /**
   * How long to wait for what can still run, in milliseconds of at least 0.
   *
   * @default the system's `drainMs`
   */
  readonly drainMs?: number;
}

/** The modes and their built-in actors. If there is a store, topics are in it. */
function modesOf(runtime: Runtime, durable: boolean): ModeSet {
  const transient = [listenerActor, collectorActor(() => runtime.lateReplies++)];
  return {
    actors: durable ? transient : [topicActor, ...transient],
    ask: (to, operation, payload, options, turn) => ask(runtime, to, operation, payload, options, turn),
    survey: (operation, payload, options, turn) => surveyAll(runtime, operation, payload, options, turn),
  };
}

/**
 * A set of actors in this process, and the way in: the runtime with the five modes on it. Two systems never see each
 * other.
 *
 * Order: messages from one sender (an actor, or this process) to one receiver are handled in the order of sending.
 * State, messages and reply of a turn take effect together, at most once, and are lost with the process.
 *
 * Dispose of it (`await using`) or {@linkcode System.stop} it: it holds timers.
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
   * Starts a system. It does nothing until it is spoken to: no timer, no randomness, so it may be made where a
   * platform allows neither.
   *
   * Throws a `RangeError` when an option is out of its bounds, a `TypeError` when two actors share a protocol.
   */
  constructor(options: SystemOptions) {
    this.#runtime = new Runtime(options, modesOf);
  }

  /**
   * A handle to one actor.
   *
   * Throws a {@linkcode PosthornError} (`invalid-key`) unless the key is 1 to 512 bytes of text without control
   * characters, and neither `.` nor `..`.
   */
  ref<Name extends string>(protocol: NamedProtocol<Name>, key: string): Ref<Name> {
    return new ActorRef(this.#runtime, protocol["~protocol"].name, key).typed();
  }

  /**
   * Publishes an event. Resolves when the event's topic has accepted it; each subscriber of that moment then gets it
   * once, in the order of publishing (of one event: two events have none between them). Nobody need be subscribed.
   * Rejects as {@linkcode Ref.tell} does.
   */
  publish<Op extends Operation<"event">>(
    event: Op,
    ...args: Arguments<InputOf<Op>, SendOptions>
  ): Promise<void> {
    return publish(this.#runtime, event, args[0], args[1]);
  }

  /**
   * Subscribes an address, or a function in this process, to an event; or as a respondent to a survey. It holds for
   * what is published here afterwards, until the result is disposed of. A function is called with one message at a
   * time; what it throws becomes a dead letter. Subscribing the same address again replaces its subject.
   *
   * With a store the subscription of an address is kept there, beyond the end of this process and of the program's line
   * that made it: what ends it is disposing of the result, or {@linkcode System.unsubscribe}. `ready` resolves when the
   * store has taken it.
   *
   * Throws a `RangeError` when the subject is no pattern, a {@linkcode StoppedError}, and a {@linkcode
   * MailboxFullError} when the topic cannot keep up: with a store `ready` rejects with that. Throws a {@linkcode
   * StoreError} (`store-unavailable`) while 10,000 subscriptions of addresses wait for a store that is away, and
   * `too-many-actors` if there is no room for the actor of a function.
   */
  subscribe<Op extends Operation<"event" | "survey">>(
    event: Op,
    to:
      | Address<InputOf<Op>, ReplyOf<Op> | undefined>
      | ((
        payload: OutputOf<Op>,
        published: Published,
      ) => ReplyOf<Op> | undefined | Promise<ReplyOf<Op> | undefined>),
    options?: SubscribeOptions,
  ): Subscription {
    return subscribe(this.#runtime, event, to as Address | LocalListener, options);
  }

  /**
   * The addresses that are subscribed to an event, or to a survey as respondents, those that subscribed in their turns
   * and under earlier programs included; in no order. Functions are not among them. It waits up to `askTimeoutMs` for
   * each page, and rejects as {@linkcode Ref.ask} does.
   */
  subscriptions(event: Operation<"event" | "survey">): AsyncIterable<Subscribed> {
    return subscriptionsOf(this.#runtime, event);
  }

  /**
   * Ends the subscription of an address to an event or a survey, whoever made it. Resolves with whether there was one.
   * What was sent to it before stays in its mailbox. Rejects as {@linkcode Ref.ask} does.
   */
  unsubscribe(event: Operation<"event" | "survey">, to: Address): Promise<boolean> {
    return unsubscribe(this.#runtime, event, to);
  }

  /**
   * Asks all respondents at once and yields their replies as they come, until `max` have come or the time is up. The
   * question goes out at the call. Leaving the loop early closes it, unless it has an id: then it is collected to its
   * end, for whoever repeats it. What comes later is counted (`stats().lateReplies`) and dropped.
   *
   * With a store respondents are asked wherever they run; functions only in this process. Each reply comes at most
   * once: replies do not survive the process that asks, and are dropped if that is gone, or if they come more than an
   * hour too late.
   *
   * Throws as {@linkcode Ref.tell} rejects.
   */
  survey<Op extends Operation<"survey">>(
    operation: Op,
    ...args: Arguments<InputOf<Op>, SurveyOptions>
  ): AsyncIterableIterator<ReplyOutputOf<Op>, SurveyEnd> {
    return surveyAll(this.#runtime, operation, args[0], args[1]) as AsyncIterableIterator<
      ReplyOutputOf<Op>,
      SurveyEnd
    >;
  }

  /** The log of an event in the store; `undefined` if the system has no store. */
  eventLog(event: Operation<"event">): EventLog | undefined {
    return this.#runtime.persistence?.eventLog(topicKey(event));
  }

  /**
   * The ticket of a request that was submitted before: `id` is the one of its ticket. It gives the reply as it travels,
   * because its schema is not known here. `caller` is the caller that the submit named: the replies of other callers
   * are unknown.
   */
  ticket(id: string, caller?: string): Ticket<unknown> {
    return ticketOf(this.#runtime, id, caller);
  }

  /**
   * Gives an actor a signal, if there is such an actor: it takes effect before any waiting message. `passivate`: it
   * leaves memory until the next message. `restart`: it begins again from its last committed state. `erase`: state,
   * schedules and subscriptions are erased. A durable actor may have to be loaded for that: then it returns a promise,
   * which rejects with a {@linkcode StoreError} or a {@linkcode LimitExceededError} if the signal was not given.
   */
  signal(actor: ActorId, signal: Signal): void | Promise<void> {
    return this.#runtime.signal(actor, signal);
  }

  /** Calls `inspector` with all that happens, until the result is disposed of. Without inspectors it costs nothing. */
  inspect(inspector: Inspector): Disposable {
    return this.#runtime.delivery.inspectors.add(inspector);
  }

  /** Messages that will not be delivered, and why. */
  get deadLetters(): DeadLetters {
    return this.#runtime.delivery.deadLetters;
  }

  /** Counts of messages and actors. */
  stats(): Stats {
    return this.#runtime.stats();
  }

  /** Whether it accepts messages, and why not. */
  get health(): Health {
    return this.#runtime.health;
  }

  /** Its clock. */
  get clock(): Clock {
    return this.#runtime.clock;
  }

  /**
   * Resolves when its store is open; at once if it has none. Rejects with a {@linkcode StoreError} if the store cannot
   * be used, or does not answer within 15 s: then every send rejects with the same, until it can. The system opens it
   * again after 1 s, then after longer delays of up to 30 s.
   */
  async ready(): Promise<void> {
    await this.#runtime.persistence?.opened;
  }

  /**
   * Handles what other instances left and what is due, as it does by itself at each heartbeat. For platforms that wake
   * a process from time to time and stop it again. Resolves when nothing is left to do; at once without a store.
   */
  async sweep(): Promise<void> {
    await this.#runtime.persistence?.sweep();
  }

  /** A new message id: a ULID. */
  newId(): string {
    return this.#runtime.ids.ulid();
  }

  /** Resolves when it has stopped: with the failure that an actor escalated, or with `undefined`. */
  get closed(): Promise<unknown> {
    return this.#runtime.closed;
  }

  /**
   * Accepts no more messages (code `stopping`), lets turns run for up to `drainMs`, and makes dead letters of the
   * messages that are left in memory; those in a store stay there. Whoever still waits for an answer gets a {@linkcode
   * StoppedError}. It waits for commits that are under way, for 5 s: after that their outcome is an {@linkcode
   * OutcomeUnknownError}. So it ends within `drainMs` and 12 s, whatever its store does. A second call changes nothing.
   */
  async stop(options?: StopOptions): Promise<StopReport> {
    const { drainMs = this.#runtime.options.drainMs } = options ?? {};
    requireDelay("drainMs", drainMs);
    return await this.#runtime.stop(drainMs);
  }

  /** Stops it with its own `drainMs`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}
