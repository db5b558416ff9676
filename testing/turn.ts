import type { Actor } from "../runtime/language/actor.ts";
import type { ActorId, Address, Arguments } from "../runtime/language/address.ts";
import type { When } from "../runtime/language/when.ts";
import { type Asker, isReplyTarget, namedOperation, Route } from "../runtime/messages/envelope.ts";
import type { Later } from "../runtime/language/later.ts";
import type { Reason } from "../runtime/language/later_options.ts";
import { fingerprint } from "../runtime/base/fingerprint.ts";
import { LaterReply, Laters } from "../runtime/messages/later.ts";
import { delayOf } from "../runtime/messages/delay.ts";
import { givenHeaders, withHeaders } from "../runtime/language/given_headers.ts";
import {
  Publication,
  Reply,
  type SubscriptionRequest,
  Topic,
} from "../runtime/messages/builtin_protocols.ts";
import type { InputOf, Operation, ReplyOutputOf } from "../runtime/language/protocol.ts";
import { type OptionNames, requireKnownOptions } from "../runtime/base/option_names.ts";
import { optionsIn, payloadIn } from "../runtime/language/sent_options.ts";
import { parse } from "../runtime/language/parse.ts";
import { requireStorable } from "../runtime/base/storable.ts";
import { Interception } from "../runtime/turns/interception.ts";
import { type Interceptor, requireInterceptors } from "../runtime/ports/interceptor.ts";
import { Turn } from "../runtime/turns/turn.ts";
import { CronTimes } from "../runtime/turns/cron_times.ts";
import type { RouteParts, TurnDelivery, TurnModes, TurnServices } from "../runtime/turns/turn_services.ts";
import { Ids } from "../runtime/messages/ids.ts";
import { Timers } from "../runtime/scheduling/timers.ts";
import { seededRandom } from "./seeded_random.ts";
import { VirtualClock } from "./virtual_clock.ts";

/** Options of {@linkcode turn}. */
export interface TurnOptions<State> {
  /**
   * The key of the actor.
   *
   * @default {"test"}
   */
  readonly key?: string;
  /** The state before the turn; by default the initial state. */
  readonly state?: State;
  /**
   * The time of the turn, in milliseconds since 1970.
   *
   * @default {0}
   */
  readonly now?: number;
  /**
   * The number of the attempt, from 1.
   *
   * @default {1}
   */
  readonly attempt?: number;
  /** The id of the message; by default a generated one. */
  readonly id?: string;
  /** The id of the message whose turn sent this one. */
  readonly causationId?: string;
  /** The headers of the message, which `ctx.headers` gives and the turn passes on. */
  readonly headers?: Readonly<Record<string, string>>;
  /**
   * Whether the turn fails (`not-storable`), as it would with a store, if its payload, state, kept reply or
   * sent messages are not plain data: see {@linkcode requireStorable}. A system without a store does not
   * check this.
   *
   * @default {true}, but for transient actors, which are never stored
   */
  readonly storable?: boolean;
  /** Interceptors around the turn and its sends, as those of a system. */
  readonly intercept?: readonly Interceptor[];
  /** Replies to the asks of a transient actor. Without it such an ask rejects. */
  readonly ask?: (to: Address, payload: unknown) => unknown;
}

const optionNames: OptionNames<TurnOptions<unknown>> = {
  ask: true,
  attempt: true,
  causationId: true,
  headers: true,
  id: true,
  intercept: true,
  key: true,
  now: true,
  state: true,
  storable: true,
};

/** A message that a turn sent. */
export interface SentMessage extends ActorId {
  /** The name of the operation. */
  readonly operation: string;
  /**
   * The id of the message. If the reply of a submit goes to an address, `submit` returned this id, and the
   * turn that handles the reply sees it as `causationId`.
   */
  readonly id: string;
  /** The payload as it was sent: the input of the schema. */
  readonly payload: unknown;
  /** When it is due, in milliseconds since 1970; absent if it is not delayed. */
  readonly dueMs?: number;
  /** The address that receives the reply, if the turn set one. */
  readonly replyTo?: Address;
  /** The address that receives a failure, if the turn set one. */
  readonly failTo?: Address;
  /** The headers that it carries, if there are any: those of the send, or those of the message of this turn. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** A request that a turn answered. */
export type AnsweredLater =
  & {
    /** The later that it answered. */
    readonly later: Later;
  }
  & ({ readonly reply: unknown } | { readonly failure: Reason });

/**
 * Returns a later for a state or a payload of a test. The same name gives an equal one.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { actor, type Later, later, protocol, tell, unchecked } from "@posthorn/posthorn";
 * import { fakeLater, turn } from "@posthorn/posthorn/testing";
 *
 * const Clerk = protocol("clerk", { decide: tell(later(unchecked<string>())) });
 * const clerk = actor(Clerk, { state: () => 0, on: { decide: (ctx, answer) => ctx.reply(answer, "yes") } });
 *
 * const answer = fakeLater<string>("a");
 * const { answered } = await turn(clerk, Clerk.decide, answer);
 * assert.deepEqual(answered, [{ later: answer, reply: "yes" }]);
 * ```
 *
 * @param name any text
 * @returns a later that no system has given
 */
export function fakeLater<Reply = never>(name: string): Later<Reply> {
  const key = `L${fingerprint(name).padStart(32, "0")}`;
  return { "~later": `/test.test/${key}` };
}

/** The result of a {@linkcode turn}. A failed turn has an error and no other effects. */
export interface TurnResult<State, Reply> {
  /** The reply that the caller receives. */
  readonly reply: Reply | undefined;
  /** The later that the handler returned instead of a reply. */
  readonly later: Later | undefined;
  /** The requests that were answered, each with a reply or a failure, in order. */
  readonly answered: readonly AnsweredLater[];
  /** The state after the turn. */
  readonly state: State;
  /** The messages sent to actors, in order. */
  readonly sent: readonly SentMessage[];
  /** The published events, in order. */
  readonly published: readonly {
    readonly event: Operation;
    readonly payload: unknown;
    readonly headers?: Readonly<Record<string, string>>;
  }[];
  /** The subscriptions that were made (with their subject) or ended. */
  readonly subscribed: readonly {
    readonly topic: string;
    readonly to: Address;
    readonly subject?: string;
    readonly ended: boolean;
  }[];
  /** The schedules that were set; a cancelled one has no `when`. */
  readonly scheduled: readonly { name: string; when?: When; to?: Address; payload?: unknown }[];
  /** Whether the turn passivates or erases the actor. */
  readonly ending: "passivate" | "erase" | undefined;
  /** The error of the handler, or the validation error of payload or reply. */
  readonly error: unknown;
}

/**
 * Runs one handler without a system, a clock or a store, and returns all its effects.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { actor, protocol, tell, unchecked } from "@posthorn/posthorn";
 * import { turn } from "@posthorn/posthorn/testing";
 *
 * const Counter = protocol("counter", { add: tell(unchecked<number>()) });
 * const counter = actor(Counter, { state: () => 0, on: { add: (ctx, n) => { ctx.state += n; } } });
 *
 * const result = await turn(counter, Counter.add, 2, { state: 40 });
 * assert(result.state === 42 && result.error === undefined);
 * ```
 *
 * @param actor the actor whose handler runs
 * @param operation the operation whose handler runs
 * @param args the payload (the input of the schema), if the operation has one; then key, state, time and other
 * properties of the turn
 * @returns the effects of the turn, or its error
 */
export async function turn<
  Name extends string,
  State,
  Op extends Operation<"tell" | "ask" | "submit" | "survey", NoInfer<Name>>,
>(
  actor: Actor<Name, State>,
  operation: Op,
  ...args: Arguments<InputOf<Op>, TurnOptions<NoInfer<State>>>
): Promise<TurnResult<State, ReplyOutputOf<Op>>> {
  const [first, second] = args as [unknown?, TurnOptions<State>?];
  const payload = payloadIn(operation, first);
  const options = optionsIn(operation, first, second, optionNames) ?? {};
  requireKnownOptions("turn", options, optionNames);
  if (actor.operations[operation.name] !== operation) {
    throw new TypeError(
      `Cannot run ${operation.protocol} ${operation.name}: it is not an operation of ${actor.name}`,
    );
  }
  requireInterceptors(options.intercept);
  const { key = "test", attempt = 1 } = options;
  const host = new LoneHost(options.now ?? 0, options.ask);
  const before = "state" in options ? options.state as State : actor.state();
  const id = options.id ?? host.ids.ulid();
  const { causationId } = options;
  const route = new Route(operation, causationId, undefined, undefined, undefined, {
    id,
    attempts: attempt - 1,
    headers: options.headers && givenHeaders(options.headers),
  });
  const lone = {
    protocol: actor.name,
    key,
    transient: actor.transient,
    services: host,
    find: () => undefined,
  };
  const running = new Turn(lone, route, before);
  try {
    const value = parse(operation.payload, payload, "Cannot accept", running);
    const interception = new Interception(options.intercept ?? [], host.ids, rethrow);
    const result = await interception.around(actor)[operation.slot]!(running, value);
    const opened = running.opened(result);
    const abstained = result === undefined && operation.mode === "survey";
    const silent = operation.mode === "tell" || abstained || opened !== undefined;
    const reply = silent ? undefined : parse(operation.reply, result, "Cannot reply to", running);
    running.close();
    if (options.storable ?? !actor.transient) {
      // payload and reply of an ask are not stored
      if (operation.mode !== "ask") requireStorable([payload, reply]);
      requireKept(running);
    }
    return {
      ...outcomeOf(running, host),
      state: running.state as State,
      reply: reply as ReplyOutputOf<Op>,
      later: opened?.later,
      error: undefined,
    };
  } catch (error) {
    running.close();
    return { ...nothing, state: before, reply: undefined, error };
  }
}

function rethrow(error: unknown): never {
  throw error;
}

/** Throws if a store could not keep the results of a turn. */
function requireKept({ changed, state, outgoing, schedules = [] }: Turn): void {
  if (changed) requireStorable(state);
  for (const { payload } of outgoing) {
    requireStorable(Publication.is(payload) ? payload.payload : payload);
  }
  for (const { payload } of schedules) requireStorable(payload);
}

/** What goes to these actors is shown as something else. */
const builtin: readonly string[] = [Topic.publish.protocol, Reply.open.protocol, LaterReply.answer.protocol];

const nothing = {
  later: undefined,
  answered: [],
  sent: [],
  published: [],
  subscribed: [],
  scheduled: [],
  ending: undefined,
};

function outcomeOf({ outgoing, answers, schedules = [], ending }: Turn, host: LoneHost) {
  const sent = outgoing.filter(({ route }) => {
    const { protocol } = route.operation;
    return !builtin.includes(protocol);
  });
  const published = outgoing.flatMap(({ route, payload }) => {
    if (!Publication.is(payload)) return [];
    return [{ event: payload.operation, payload: payload.payload, ...headersOf(route) }];
  });
  return {
    answered: answers,
    sent: sent.map(({ to, route, payload }): SentMessage => ({
      protocol: route.operation.protocol,
      key: to.key,
      operation: route.operation.name,
      id: host.ids.text(route.extras?.id ?? host.ids.ulid()),
      payload,
      ...(route.extras?.delay !== undefined && { dueMs: route.extras.delay.dueMs }),
      ...addresses(route),
      ...headersOf(route),
    })),
    published,
    subscribed: outgoing.flatMap(({ to: topic, route: { operation }, payload }) => {
      if (operation !== Topic.subscribe && operation !== Topic.unsubscribe) return [];
      const { to, subject } = payload as SubscriptionRequest;
      return [{
        topic: topic.key,
        to,
        ...(subject === undefined ? {} : { subject }),
        ended: operation === Topic.unsubscribe,
      }];
    }),
    scheduled: schedules,
    ending,
  };
}

function headersOf({ extras }: Route): Pick<SentMessage, "headers"> {
  return extras?.headers === undefined ? {} : { headers: extras.headers };
}

function addresses({ replyTo, extras }: Route): { replyTo?: Address; failTo?: Address } {
  const failTo = extras?.failTo;
  const kept = replyTo === undefined || isReplyTarget(replyTo) || replyTo.protocol === Reply.open.protocol;
  return { ...(kept ? {} : { replyTo }), ...(failTo === undefined || kept ? {} : { failTo }) };
}

const weekMs = 604_800_000;

/** The services of a turn without a system. */
class LoneHost implements TurnServices {
  readonly clock: VirtualClock;
  readonly timers: Timers;
  readonly cron = new CronTimes();
  readonly ids: Ids;
  readonly laters: Laters;
  readonly delivery: TurnDelivery = {
    place: () => false,
    requirePublishable: () => {},
    answerOf: () => undefined,
    operationAt: namedOperation,
    callbackFailed: (_, error) => rethrow(error),
  };

  readonly modes: TurnModes;
  readonly askers: ReadonlyMap<string, Asker> = new Map();

  constructor(nowMs: number, answer: TurnOptions<unknown>["ask"]) {
    this.clock = new VirtualClock({ nowMs });
    this.timers = new Timers(this.clock);
    this.ids = new Ids(this.clock, seededRandom(0));
    this.laters = new Laters("", false, { clock: this.clock, random: seededRandom(1), laterMs: weekMs });
    this.modes = {
      // deno-lint-ignore require-await -- a handler awaits it: an error must be a rejection
      async ask({ protocol, key }, operation, first) {
        const to = { protocol, key, operation: operation.name };
        if (answer !== undefined) return answer(to, payloadIn(operation, first));
        throw new TypeError(`Cannot ask ${protocol}/${key}: give the turn an ask option`);
      },
      survey({ protocol, name }) {
        throw new TypeError(`Cannot survey ${protocol} ${name} in a lone turn: use a system`);
      },
    };
  }

  route(operation: Operation, { cause, options, replyTo, failTo, id = options?.id }: RouteParts): Route {
    const correlationId = cause && (cause.route.correlationId ?? cause.messageId);
    return new Route(operation, cause?.messageId, correlationId, replyTo, undefined, {
      id,
      failTo,
      delay: options && delayOf(operation, options, this.clock),
      headers: options?.headers === undefined
        ? cause?.causedHeaders
        : withHeaders(cause?.added?.added, options.headers),
    });
  }
}
