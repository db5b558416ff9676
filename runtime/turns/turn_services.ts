import type { IngressSendOptions } from "../language/ingress_options.ts";
import type { Clock } from "../base/clock.ts";
import type { ActorId, Address, AskOptions, SendOptions } from "../language/address.ts";
import type { Replies, SurveyOptions } from "../language/context.ts";
import type { DelayOptions } from "../language/when.ts";
import type { Asker, Deadline, Envelope, ReplyTarget, Route } from "../messages/envelope.ts";
import type { Ids } from "../messages/ids.ts";
import type { Laters } from "../messages/later.ts";
import type { Callback } from "../ports/inspection.ts";
import type { Timers } from "../scheduling/timers.ts";
import type { Operation } from "../language/protocol.ts";
import type { CronTimes } from "./cron_times.ts";
import type { Turn } from "./turn.ts";

/** What turns need of the delivery of their system. */
export interface TurnDelivery {
  /** Puts a message into its mailbox, if nothing stands in the way. Returns whether it did. */
  place(to: ActorId, route: Route, payload: unknown): boolean;
  /** The operation at an address, as its actor here has it; if none has it, one that cannot be delivered. */
  operationAt(address: Address): Operation;
  /** Throws a `NotFoundError` (`unknown-operation`) if only other services publish an event. */
  requirePublishable(event: Operation): void;
  /** How the first message was answered that had the id and the payload of this one, if that is known. */
  answerOf(envelope: Envelope): unknown;
  /** A function that a user gave to the system threw. */
  callbackFailed(callback: Callback, error: unknown): void;
}

/**
 * What a turn of a transient actor can wait for; an ask may also come from outside of turns. The modes bring it: the
 * runtime itself knows no mode. `first` and `second` are the arguments behind the operation: the payload and the options,
 * or the options alone if it has no payload.
 */
export interface TurnModes {
  ask(
    to: ActorId,
    operation: Operation,
    first: unknown,
    second: AskOptions | undefined,
    turn?: Turn,
  ): Promise<unknown>;
  survey(
    operation: Operation,
    first: unknown,
    second: SurveyOptions | undefined,
    turn: Turn,
  ): Replies<unknown>;
}

/** What the runtime does for a turn while it runs. What must wait for the commit, the turn keeps itself. */
export interface TurnServices {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly cron: CronTimes;
  readonly ids: Ids;
  readonly laters: Laters;
  readonly delivery: TurnDelivery;
  readonly modes: TurnModes;
  /** Who asks with an id, which a store answers as a submit, by the key of the reply. */
  readonly askers: ReadonlyMap<string, Asker>;
  /** The route of a message that is more than its payload. */
  route(operation: Operation, parts: RouteParts): Route;
}

/** An activation that was found in memory. */
export interface CachedTarget extends ActorId {
  /** Whether it is still in memory; absent if that is not known. */
  readonly present?: boolean;
}

/** A handle to an actor that outlives a turn. */
export interface Handle extends ActorId {
  /** The services of the system that it belongs to. */
  readonly services?: TurnServices;
  /** The activation that it has cached. */
  readonly target?: CachedTarget | undefined;
  /** Caches the activation of its actor. */
  cacheTarget?(found: CachedTarget): void;
}

/** The actor whose turn it is. */
export interface TurnActor extends ActorId {
  /** Whether its turns may wait for others. */
  readonly transient: boolean;
  readonly services: TurnServices;
  /** The activation of that key, if it is in memory: then it is not looked up again when the message is delivered. */
  find(protocol: string, key: string): CachedTarget | undefined;
}

/** What a route is made from, besides its operation. */
export interface RouteParts {
  readonly options?: (SendOptions & DelayOptions & IngressSendOptions) | undefined;
  readonly cause?: Turn | undefined;
  readonly replyTo?: ReplyTarget | Address | undefined;
  readonly failTo?: Address | undefined;
  readonly id?: string | undefined;
  /** It takes precedence over the options. */
  readonly deadline?: Deadline | undefined;
  /** The schema's input, if the payload is the schema's output. */
  readonly input?: { readonly payload: unknown } | undefined;
}
