import type { Address, Arguments, Ref, SendOptions } from "../../runtime/language/address.ts";
import type { Clock } from "../../runtime/base/clock.ts";
import type { Published, Replies, SubscribeOptions, SurveyOptions } from "../../runtime/language/context.ts";
import type {
  InputOf,
  NamedProtocol,
  Operation,
  OutputOf,
  ReplyOf,
  ReplyOutputOf,
} from "../../runtime/language/protocol.ts";
import type { Health } from "../../runtime/ports/health.ts";
import type { EventLog } from "../../runtime/ports/event_log.ts";
import type { InspectOptions, Inspector } from "../../runtime/ports/inspection.ts";
import type { Observation } from "../../runtime/ports/observation.ts";
import type { Stats } from "../../runtime/ports/stats.ts";
import type { Ticket } from "../../runtime/language/ticket.ts";

/** The methods of a system that an ingress uses. A `System` implements it. */
export interface IngressSystem {
  /** Returns a handle to one actor. */
  ref<Name extends string>(protocol: NamedProtocol<Name>, key: string): Ref<Name>;
  /** Publishes an event. */
  publish<Op extends Operation<"event">>(
    event: Op,
    ...args: Arguments<InputOf<Op>, SendOptions>
  ): Promise<void>;
  /** Subscribes a function to an event. */
  subscribe<Op extends Operation<"event" | "survey">>(
    event: Op,
    to:
      | Address<InputOf<Op>, ReplyOf<Op> | undefined>
      | ((
        payload: OutputOf<Op>,
        published: Published,
      ) => ReplyOf<Op> | undefined | Promise<ReplyOf<Op> | undefined>),
    options?: SubscribeOptions,
  ): Disposable;
  /** Publishes a survey and yields the replies. */
  survey<Op extends Operation<"survey">>(
    operation: Op,
    ...args: Arguments<InputOf<Op>, SurveyOptions>
  ): Replies<ReplyOutputOf<Op>>;
  /** The log of an event; `undefined` if the system has no store. */
  eventLog(event: Operation<"event">): EventLog | undefined;
  /** Returns a ticket for a reply, by its id. */
  ticket(id: string, operation?: undefined, options?: { readonly caller?: string }): Ticket<unknown>;
  /** The reason why nobody handles an operation that is sent to an actor; `undefined` if somebody does. */
  whyUnhandled(operation: Operation): string | undefined;
  /** Calls a function with events of the system; with `sampled`, with those of some messages. */
  inspect(inspector: Inspector, options?: InspectOptions): Disposable;
  /** What waits in all instances. */
  readonly observe: Pick<Observation, "protocols">;
  /** The counters of the system. */
  stats(): Stats;
  /** Whether the system accepts messages, and the reason if it does not. */
  readonly health: Health;
  /** The clock of the system. */
  readonly clock: Clock;
  /** Resolves when the system has stopped. */
  readonly closed: Promise<unknown>;
  /** Returns a new message id. */
  newId(): string;
}
