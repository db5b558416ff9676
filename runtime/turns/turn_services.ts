import type { IngressSendOptions } from "../language/ingress_options.ts";
import type { ActorId, Address, AskOptions, SendOptions } from "../language/address.ts";
import type { SurveyOptions } from "../language/context.ts";
import type { Deadline, MessageId, ReplyTarget, Route } from "../messages/envelope.ts";
import type { Callback } from "../ports/inspection.ts";
import type { Outgoing } from "../messages/outbox.ts";
import type { Operation } from "../language/protocol.ts";
import type { WaitingTurn } from "./wait_chain.ts";

/** A turn, as those see it who do something for it. */
export interface OpenTurn {
  readonly actor: ActorId;
  /** The way by which its message came. */
  readonly route: Route;
  /** The name of its message. */
  readonly messageId: MessageId;
  /** Those whose answers it waits for. */
  readonly waitsFor: WaitingTurn[];
  /** Takes what would leave for one actor with the commit: it leaves now. */
  takeOutgoing(protocol: string, key: string): Outgoing[];
}

/** What the runtime does for a turn while it runs. What must wait for the commit, the turn keeps itself. */
export interface TurnServices {
  /** The way of a message that is more than its payload. */
  route(operation: Operation, parts: RouteParts): Route;
  /** The operation at an address; where this system does not know it, one that cannot be delivered. */
  operationAt(address: Address): Operation;
  /** Puts a message into its mailbox where nothing stands in the way. Returns whether it did. */
  place(to: ActorId, route: Route, payload: unknown): boolean;
  /** The next number of a message. */
  nextNumber(): number;
  /** The name of a message. */
  idText(id: MessageId): string;
  /** A new id, which carries its time and which nobody can guess: for a message, and for a reply. */
  newId(): string;
  /** Where the reply of a message goes that this actor has sent before under the same id, where that is known. */
  replyToOf(
    turn: OpenTurn,
    to: ActorId,
    operation: Operation,
    id: string,
    payload: unknown,
  ): Address | undefined;
  /** The time of day, in milliseconds since 1970. */
  now(): number;
  /** The time that schedules are measured with. */
  monotonicMs(): number;
  /** Sends an ask out of this turn and waits for its reply. */
  ask(
    turn: OpenTurn,
    operation: Operation,
    key: string,
    payload: unknown,
    options?: AskOptions,
  ): Promise<unknown>;
  /** Asks all respondents. */
  survey(
    turn: OpenTurn,
    operation: Operation,
    payload: unknown,
    options?: SurveyOptions,
  ): AsyncIterableIterator<unknown>;
  /** A function that was given to the system threw. */
  callbackFailed(callback: Callback, error: unknown): void;
  /** Calls `callback` after a while. */
  after(delayMs: number, callback: () => void): { cancel(): void };
}

/** An actor, where it was found in memory. */
export interface CachedTarget extends ActorId {
  /** Whether it is still there; absent where that is not known. */
  readonly present?: boolean;
}

/** A handle to an actor, which outlives a turn. */
export interface Handle extends ActorId {
  /** The system that it belongs to. */
  readonly services?: TurnServices;
  /** The actor itself, where it was in memory. */
  readonly target?: CachedTarget | undefined;
  /** That is the actor. */
  cacheTarget?(found: CachedTarget): void;
}

/** Whose turn it is. */
export interface TurnActor extends ActorId {
  /** Whether it may wait for others. */
  readonly transient: boolean;
  readonly services: TurnServices;
  /** The actor of that key, where it is in memory: it need not be looked up again when the message leaves. */
  find(protocol: string, key: string): CachedTarget | undefined;
}

/** What a route is made of, besides its operation. */
export interface RouteParts {
  readonly options?: (SendOptions & IngressSendOptions) | undefined;
  readonly cause?: OpenTurn | undefined;
  readonly replyTo?: ReplyTarget | Address | undefined;
  readonly failTo?: Address | undefined;
  readonly id?: string | undefined;
  /** Instead of what the options say. */
  readonly deadline?: Deadline | undefined;
  /** What was sent, where it has been through the schema already. */
  readonly input?: { readonly payload: unknown } | undefined;
}
