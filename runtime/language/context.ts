import type {
  AcceptedBy,
  ActorId,
  Address,
  Arguments,
  AskOptions,
  Ref,
  SendOptions,
  SubmitOptions,
} from "./address.ts";
import type { Frozen } from "./frozen.ts";
import type { InputOf, NamedProtocol, Operation, ReplyOf, ReplyOutputOf } from "./protocol.ts";

/**
 * When a scheduled message is due: once after a while (at least 0 ms), once at a time (at once when that has passed), or
 * again and again (each at least 1 ms).
 */
export type When = { readonly afterMs: number } | { readonly at: Date } | { readonly everyMs: number };

/** Options of a subscription. */
export interface SubscribeOptions {
  /**
   * Which subjects: `de.berlin` that one, `de.*` one token in place of the star, `de.>` one or more tokens in place
   * of the end. Without it every event.
   */
  readonly subject?: string;
}

/** A subscription that this process made. Disposing of it ends it. */
export interface Subscription extends Disposable {
  /**
   * Resolves when it holds for all that is published here from then on: with a store, when that has taken it; elsewhere
   * that may be later, by what the clocks of the instances differ. While a store is away it is tried again. Rejects
   * with what stands in the way where it is given up: it was disposed of before, the system stopped, or its topic could
   * not keep up. Who does not await it need not handle it.
   */
  readonly ready: Promise<void>;
}

/** A subscription of an address, as its event or survey has it. */
export interface Subscribed {
  /** Where it goes. */
  readonly to: Address;
  /** Which subjects; absent where all. */
  readonly subject?: string;
}

/** What a local subscriber learns besides the payload. */
export interface Published {
  /** The id of the message that published it. */
  readonly id: string;
  /** Its subject; empty where its event has none. */
  readonly subject: string;
  /** The payload as it travels, before its schema transformed it. */
  readonly input: unknown;
}

/** Options of a survey. */
export interface SurveyOptions extends SendOptions {
  /**
   * How long to wait for replies, in milliseconds above 0. What comes later is counted and dropped.
   *
   * @default {1_000}
   */
  readonly timeoutMs?: number;
  /**
   * How many replies are enough, at least 1.
   *
   * @default {1_000}
   */
  readonly max?: number;
}

/**
 * A handle to another actor within a turn. What is sent leaves with the turn's commit, in the order of sending, and
 * cannot fail here: what cannot be delivered becomes a dead letter. It cannot ask: that takes an actor with
 * `transient: true`.
 */
export interface TurnRef<in out Name extends string> extends ActorId {
  /** The name of its protocol. */
  readonly protocol: Name;
  /** Sends a notification when the turn commits. */
  tell<Op extends Operation<"tell", Name>>(operation: Op, ...args: Arguments<InputOf<Op>, SendOptions>): void;
  /**
   * Sends a request when the turn commits. Returns the name of its reply, to collect it with `system.ticket`; where the
   * reply goes to an address, the id of the request, which the reply's turn sees as `causationId`.
   */
  submit<Op extends Operation<"submit", Name>>(
    operation: Op,
    ...args: Arguments<InputOf<Op>, SubmitOptions<ReplyOf<Op>>>
  ): string;
  /** The address of one operation of that actor. */
  at<I, O, R, S>(operation: Operation<"tell" | "ask" | "submit" | "survey", Name, I, O, R, S>): Address<I, R>;
}

/** A {@linkcode TurnRef} that can also ask: only a transient actor gets it. */
export interface TransientTurnRef<in out Name extends string> extends TurnRef<Name> {
  /**
   * Asks another actor and waits within the turn. Mail of this turn to the same actor leaves before it, so that the
   * order holds. Rejects as {@linkcode Ref.ask} does, and with {@linkcode DeadlockError} when the answer would wait for
   * this turn.
   */
  ask<Op extends Operation<"ask", Name>>(
    operation: Op,
    ...args: Arguments<InputOf<Op>, AskOptions>
  ): Promise<ReplyOutputOf<Op>>;
}

/**
 * What a handler can see and do in its turn. Everything it does (state, messages, schedules, subscriptions, reply)
 * takes effect together when the handler returns, or not at all when it throws. After the turn it can do nothing.
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
  /** The state, read-only all the way down. Assign a new one to change it. */
  state: Frozen<State>;
  /** This actor. */
  readonly self: TurnRef<Name>;
  /** The id of the message: the idempotency key to hand to outside services. The same in every attempt. */
  readonly id: string;
  /** The id of the message whose turn sent this one; for a reply, of the request. Absent where none did. */
  readonly causationId: string | undefined;
  /** The id of the message with which it all began. */
  readonly correlationId: string;
  /** Which attempt this is, from 1. */
  readonly attempt: number;
  /** The time of this turn, in milliseconds since 1970: the same however often it is read. */
  readonly now: number;
  /** Aborts when the message's deadline passes or the system stops without waiting any longer. Hand it to `fetch`. */
  readonly signal: AbortSignal;
  /** A handle to another actor. */
  ref<N extends string>(protocol: NamedProtocol<N>, key: string): TurnRef<N>;
  /**
   * A handle of this turn for one that was kept: of `system.ref`, or of an earlier turn of whichever actor. What is sent
   * through it leaves with this turn's commit; the kept one itself does not become this turn's, and one of an earlier
   * turn still throws when it sends. For whoever sends to the same actors over and over: the actor is not looked up by
   * name again as long as it is in memory; where it has left, it is found or made anew by its name. A handle is no plain
   * data: keep it in a constant, or in a closure, and not in a state that is stored. One of a turn holds what that turn
   * sent first, and the state that it left: whoever keeps thousands takes them from `system.ref`, which hold no turn.
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
  /** Takes back the subscription of an address when the turn commits. */
  unsubscribe<Op extends Operation<"event" | "survey">>(
    event: Op,
    to: Address<InputOf<Op>, ReplyOf<Op> | undefined>,
  ): void;
  /**
   * Sends a message to an address later. The name is this actor's own, 1 to 512 bytes of text without control characters:
   * the same name replaces what it named. Ticks that were missed come as one. Throws a `RangeError` for another name, or a
   * time that never comes.
   */
  schedule<To extends Address>(
    name: string,
    when: When,
    to: To,
    ...payload: Arguments<AcceptedBy<To>, never>
  ): void;
  /** Takes back what was scheduled under that name. */
  cancel(name: string): void;
  /** Passivates this actor after the turn: it leaves memory, its state is kept, the next message activates it. */
  passivate(): void;
  /** Erases this actor with the turn's commit: state, schedules, subscriptions. The next message starts a new one. */
  erase(): void;
}

/** The {@linkcode Context} of a transient actor, which may wait for others within its turn. */
export interface TransientContext<Name extends string, State> extends Context<Name, State> {
  /** This actor. */
  readonly self: TransientTurnRef<Name>;
  /** A handle to another actor, which can also ask. */
  ref<N extends string>(protocol: NamedProtocol<N>, key: string): TransientTurnRef<N>;
  /** A handle of this turn for one that was kept, which can also ask. */
  ref<N extends string>(handle: Ref<N> | TurnRef<N>): TransientTurnRef<N>;
  /** Asks all respondents and yields their replies as they come, up to `max` or the deadline. As `System.survey`. */
  survey<Op extends Operation<"survey">>(
    operation: Op,
    ...args: Arguments<InputOf<Op>, SurveyOptions>
  ): AsyncIterableIterator<ReplyOutputOf<Op>>;
}

/** The context that handlers of such an actor get. */
export type ContextOf<Name extends string, State, Transient extends boolean> = Transient extends true
  ? TransientContext<Name, State>
  : Context<Name, State>;
