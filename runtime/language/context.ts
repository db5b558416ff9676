import type {
  AcceptedBy,
  ActorId,
  Address,
  Arguments,
  AskOptions,
  Payload,
  Ref,
  SendOptions,
  SubmitOptions,
  TellOptions,
} from "./address.ts";
import type { Frozen } from "./frozen.ts";
import type { Later } from "./later.ts";
import type { AnswerTo, LaterOptions, Reason } from "./later_options.ts";
import type { InputOf, NamedProtocol, Operation, ReplyOf, ReplyOutputOf } from "./protocol.ts";
import type { Refused } from "./refused.ts";
import type { DelayOptions, When } from "./when.ts";

/** Options of a subscription. */
export interface SubscribeOptions {
  /**
   * The pattern of subjects: `de.berlin` matches this subject, `*` in `de.*` exactly one token, `>` at the
   * end of `de.>` one or more tokens. Without a pattern the subscription matches every event.
   */
  readonly subject?: string;
}

/** Options of the subscription of a function. */
export interface ListenOptions extends SubscribeOptions {
  /**
   * The time limit of a call that returns a promise, in whole milliseconds from 1 to 2,147,483,647. If the promise is
   * not settled by then, the message becomes a dead letter (`turn-timeout`), and the function is called with the next
   * one. Without it a call that never settles blocks the subscription.
   */
  readonly turnMs?: number;
}

/** A subscription made by this process. Disposing of it ends the subscription. */
export interface Subscription extends Disposable {
  /**
   * Resolves when the subscription is active for everything that this instance publishes from then on: with a
   * store, when the store has committed it. For events that other instances publish it can become active
   * later, by the difference of their clocks. It is retried as long as the store is unavailable. Rejects with
   * the reason if the subscription ends before it became active: it was disposed of, the system stopped, or
   * its topic could not keep up. A rejection that nobody awaits is not reported.
   */
  readonly ready: Promise<void>;
}

/** A subscription of an address to an event or a survey. */
export interface Subscribed {
  /** The address of the subscriber. */
  readonly to: Address;
  /** The pattern of subjects; absent if the subscription matches all. */
  readonly subject?: string;
}

/** The metadata of an event, which a local subscriber receives besides the payload. */
export interface Published {
  /** The id of the message that published it. */
  readonly id: string;
  /** The subject; empty if the event has none. */
  readonly subject: string;
  /** The payload as it was sent, before its schema transformed it. */
  readonly input: unknown;
  /** The headers of the message that published it, as `ctx.headers` of a turn; empty if it has none. */
  readonly headers: Readonly<Record<string, string>>;
}

/** How many services can take part in a survey. */
export const servicesMax = 1_000;

/** Options of a survey. */
export interface SurveyOptions extends SendOptions {
  /**
   * How long to wait for replies, in milliseconds above 0. Later replies are counted and dropped.
   *
   * @default {1_000}
   */
  readonly timeoutMs?: number;
  /**
   * The number of replies after which the survey ends, at least 1.
   *
   * @default {1_000}
   */
  readonly max?: number;
  /**
   * How many services take part, from 1 to 1,000: the other ones that hear the survey, and this one if it has respondents.
   * No broker tells that, so a survey that leaves this service ends with `all` only if this is given. It has no effect on
   * one that does not.
   */
  readonly services?: number;
}

/**
 * Why a survey ended. `max`: as many replies as were wanted have come. `all`: each respondent of the moment at which it was
 * sent has replied, abstained or failed. `deadline`: its time was up.
 */
export type SurveyEnd = "max" | "all" | "deadline";

/** The replies to a survey, as they come. */
export interface Replies<Reply> extends AsyncIterableIterator<Reply, SurveyEnd> {
  /** Why the survey ended: `undefined` until then, and if it failed or its reader left it before. */
  readonly end: SurveyEnd | undefined;
}

/**
 * A handle to another actor within a turn. Messages leave with the turn's commit, in the order of sending. A
 * send cannot fail here: a message that cannot be delivered becomes a dead letter. It cannot ask: only an
 * actor with `transient: true` can.
 */
export interface TurnRef<in out Name extends string> extends ActorId {
  /** The name of its protocol. */
  readonly protocol: Name;
  /** Sends a notification when the turn commits, or later: a delay is counted from the turn. */
  tell<Op extends Operation<"tell", Name>>(operation: Op, ...args: Arguments<InputOf<Op>, TellOptions>): void;
  /**
   * Sends a request when the turn commits. Returns the id of its reply, for `system.ticket`; if the reply
   * goes to an address, it returns the id of the request, which the turn that handles the reply sees as
   * `causationId`.
   */
  submit<Op extends Operation<"submit", Name>>(
    operation: Op,
    ...args: Arguments<InputOf<Op>, SubmitOptions<ReplyOf<Op>> & DelayOptions>
  ): string;
  /** The address of one operation of that actor. */
  at<I, O, R, S>(operation: Operation<"tell" | "ask" | "submit" | "survey", Name, I, O, R, S>): Address<I, R>;
  /** Only a {@linkcode TransientTurnRef} can ask. The compiler says what to do instead. */
  readonly ask: Refused<
    "an actor that is stored cannot ask in its turn: submit with replyTo, or make it transient: true"
  >;
}

/** A {@linkcode TurnRef} with `ask`, for transient actors. */
export interface TransientTurnRef<in out Name extends string> extends TurnRef<Name> {
  /**
   * Sends a request to another actor and waits for the reply within the turn. Messages that this turn sent to
   * the same actor before are delivered first, so that the order of sending holds. Rejects as
   * {@linkcode Ref.ask} does, and with {@linkcode DeadlockError} if the reply would have to wait for this
   * turn.
   */
  ask<Op extends Operation<"ask", Name>>(
    operation: Op,
    ...args: Arguments<InputOf<Op>, AskOptions>
  ): Promise<ReplyOutputOf<Op>>;
}

/**
 * The turn of a handler. All its effects (state, messages, schedules, subscriptions, reply) are committed
 * together when the handler returns; if it throws, none of them is. After the turn, a send or a change of the
 * state throws a `PosthornError` (`turn-over`).
 *
 * @example
 * ```ts
 * import { actor, type Context, protocol, tell } from "@posthorn/posthorn";
 * import * as z from "zod";
 *
 * interface CartState { items: string[] }
 * const Cart = protocol("cart", { add: tell(z.string()) });
 *
 * function append(ctx: Context<"cart", CartState>, item: string): void {
 *   ctx.state = { items: [...ctx.state.items, item] };
 * }
 * const cart = actor(Cart, { state: (): CartState => ({ items: [] }), on: { add: append } });
 * ```
 */
export interface Context<Name extends string, State> {
  /** The key of this actor. */
  readonly key: string;
  /** The state, deeply read-only. Assign a new state to change it. */
  state: Frozen<State>;
  /** A handle to this actor. */
  readonly self: TurnRef<Name>;
  /**
   * The id of the message, the same in every attempt. Pass it to external services as the idempotency key.
   */
  readonly id: string;
  /**
   * The id of the message whose turn sent this one; for a reply, the id of the request. Absent if no turn
   * sent it.
   */
  readonly causationId: string | undefined;
  /** The id of the first message in the chain of messages that led to this one. */
  readonly correlationId: string;
  /**
   * The headers of the message: those that its sender gave, or those of the message whose turn sent it. They go with
   * everything that this turn sends, unless the send has headers of its own. Without any it is empty. A message that came
   * over HTTP has the `traceparent` and `tracestate` of the request. Over a broker, names are in lower case.
   */
  readonly headers: Readonly<Record<string, string>>;
  /** The number of the attempt, from 1. */
  readonly attempt: number;
  /** The time of this turn, in milliseconds since 1970. It does not change during the turn. */
  readonly now: number;
  /**
   * Aborts when the deadline of the message passes, when its request is taken back ({@linkcode Ticket.cancel}),
   * when whoever asked has gone, or when the system stops and its drain time is over. Pass it to `fetch`.
   */
  readonly signal: AbortSignal;
  /** Returns a handle to another actor. */
  ref<N extends string>(protocol: NamedProtocol<N>, key: string): TurnRef<N>;
  /**
   * Returns a handle that belongs to this turn, made from a retained handle: one of `system.ref`, or of an
   * earlier turn of any actor. Messages sent through it leave with this turn's commit. The retained handle is
   * not changed, and one of an earlier turn still throws if it sends. Use it to send to the same actors
   * repeatedly: the actor is not looked up by name again as long as it is in memory, and is found or
   * activated by its name if it is not. A handle is not plain data: keep it in a constant or a closure, not
   * in a state that is stored. A handle of a turn references the first messages and the state of that turn:
   * to retain thousands of handles, take them from `system.ref`, whose handles reference no turn.
   *
   * @example
   * ```ts
   * import { actor, protocol, type Ref, System, tell } from "@posthorn/posthorn";
   *
   * const Gauge = protocol("gauge", { tick: tell() });
   * const gauges: Ref<"gauge">[] = [];
   * const Clock = protocol("clock", { tick: tell() });
   * const clock = actor(Clock, {
   *   state: () => null,
   *   on: { tick: (ctx) => { for (const gauge of gauges) ctx.ref(gauge).tell(Gauge.tick); } },
   * });
   * const gauge = actor(Gauge, { state: () => 0, on: { tick: (ctx) => { ctx.state += 1; } } });
   *
   * await using system = new System({ actors: [clock, gauge] });
   * gauges.push(system.ref(Gauge, "east"), system.ref(Gauge, "west"));
   * await system.ref(Clock, "main").tell(Clock.tick);
   * ```
   */
  ref<N extends string>(handle: Ref<N> | TurnRef<N>): TurnRef<N>;
  /** Publishes an event when the turn commits. */
  publish<Op extends Operation<"event">>(event: Op, ...args: Arguments<InputOf<Op>, SendOptions>): void;
  /** Subscribes an address when the turn commits. Subscribing the same address again replaces its subject. */
  subscribe<Op extends Operation<"event" | "survey">>(
    event: Op,
    to: Address<InputOf<Op>, ReplyOf<Op> | undefined>,
    options?: SubscribeOptions,
  ): void;
  /** Cancels the subscription of an address when the turn commits. */
  unsubscribe<Op extends Operation<"event" | "survey">>(
    event: Op,
    to: Address<InputOf<Op>, ReplyOf<Op> | undefined>,
  ): void;
  /**
   * Schedules a message to an address when the turn commits. The name belongs to this actor: 1 to 512 bytes
   * of text without control characters. A schedule with the same name replaces the previous one. But if a
   * schedule that repeats is set again as it is (time, address and payload), it goes on; to begin its phase
   * anew, cancel it first. Missed ticks of a repeating schedule are delivered as one. Throws a `RangeError` if
   * the name or the time is invalid. The turn fails with one if a cron expression has a field out of its range,
   * or names no time to come.
   */
  schedule<To extends Address>(
    name: string,
    when: When,
    to: To,
    ...payload: Payload<AcceptedBy<To>>
  ): void;
  /** Cancels the schedule of that name when the turn commits. */
  cancel(name: string): void;
  /**
   * Passivates this actor after the turn: it leaves memory, its state is kept, and the next message activates
   * it.
   */
  passivate(): void;
  /**
   * Erases the state, schedules and subscriptions of this actor with the turn's commit. The next message
   * activates it with its initial state.
   */
  erase(): void;
  /**
   * Answers a request that was answered "later" before, in a turn of this or of another actor, when the turn commits. The
   * first answer counts. One that comes second (`already-answered`) or too late (`late-reply`) becomes a dead letter, and
   * does not fail this turn; so does one that does not fit the schema of the reply (`invalid-reply`), if this process does
   * not know the operation. Throws an `InvalidPayloadError` if it does not fit the schema that this process knows, and a
   * {@linkcode PosthornError} (`already-answered`) if this turn has answered it.
   */
  reply<L extends Later>(later: L, value: AnswerTo<L>): void;
  /** As `reply`, with a failure: the caller gets a `Failure` with the id of its request. */
  fail(later: Later, reason: Reason): void;
  /** Only a {@linkcode TransientContext} can survey. The compiler says what to do instead. */
  readonly survey: Refused<"an actor that is stored cannot survey in its turn: make it transient: true">;
  /** Only {@linkcode SubmitContext} has it. */
  readonly later: Refused<"only the handler of a submit can answer later">;
}

/** The {@linkcode Context} of the handler of a submit, which may answer later. */
export interface SubmitContext<Name extends string, State, Reply> extends Context<Name, State> {
  /**
   * Returns a later: the right to answer this request in another turn, with `ctx.reply` or `ctx.fail`. The handler
   * returns it to say "not yet"; it is opened with the commit of the turn, and one that is not returned never is: an answer
   * to it becomes a dead letter (`late-reply`). Keep it in the state, send it to another actor, or give it to another submit
   * as `replyTo`. Throws a `TypeError` if it is called twice in one turn, and a `RangeError` if
   * the time is out of its bounds.
   */
  later(options?: LaterOptions): Later<Reply>;
}

/** The {@linkcode Context} of a transient actor, which can also ask and survey within its turn. */
export interface TransientContext<Name extends string, State> extends Context<Name, State> {
  /** A handle to this actor. */
  readonly self: TransientTurnRef<Name>;
  /** Returns a handle to another actor, with `ask`. */
  ref<N extends string>(protocol: NamedProtocol<N>, key: string): TransientTurnRef<N>;
  /** Returns a handle that belongs to this turn, made from a retained handle, with `ask`. */
  ref<N extends string>(handle: Ref<N> | TurnRef<N>): TransientTurnRef<N>;
  /**
   * Publishes a survey and yields the replies as they arrive, until there are `max` replies, all respondents have
   * replied, abstained or failed, or the deadline passes. As `System.survey`.
   */
  survey<Op extends Operation<"survey">>(
    operation: Op,
    ...args: Arguments<InputOf<Op>, SurveyOptions>
  ): Replies<ReplyOutputOf<Op>>;
}

/** The {@linkcode TransientContext} of the handler of a submit, which may answer later. */
export interface TransientSubmitContext<Name extends string, State, Reply>
  extends TransientContext<Name, State> {
  /** As `SubmitContext.later`. What is opened here is in memory, and does not survive the process. */
  later(options?: LaterOptions): Later<Reply>;
}

/** The context type of the handlers of an actor. */
export type ContextOf<Name extends string, State, Transient extends boolean> = Transient extends true
  ? TransientContext<Name, State>
  : Context<Name, State>;

/** The context type of the handlers of submits. */
export type SubmitContextOf<Name extends string, State, Transient extends boolean, Reply> = Transient extends
  true ? TransientSubmitContext<Name, State, Reply>
  : SubmitContext<Name, State, Reply>;
