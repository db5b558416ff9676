import type { Address, Arguments, Ref, SendOptions } from "../../runtime/language/address.ts";
import type { Clock } from "../../runtime/base/clock.ts";
import type { Published, SubscribeOptions, SurveyOptions } from "../../runtime/language/context.ts";
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
import type { Stats } from "../../runtime/ports/stats.ts";
import type { Ticket } from "../../runtime/language/ticket.ts";

/** What an ingress needs of a system. A `System` has it. */
export interface IngressSystem {
  /** A handle to one actor. */
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
  /** Asks all respondents. */
  survey<Op extends Operation<"survey">>(
    operation: Op,
    ...args: Arguments<InputOf<Op>, SurveyOptions>
  ): AsyncIterableIterator<ReplyOutputOf<Op>, "max" | "deadline">;
  /** What its store keeps of an event; nothing where it has no store. */
  eventLog(event: Operation<"event">): EventLog | undefined;
  /** The ticket of a request that was submitted before. */
  ticket(id: string, caller?: string): Ticket<unknown>;
  /** What it is doing, in numbers. */
  stats(): Stats;
  /** Whether it takes messages, and why not. */
  readonly health: Health;
  /** Its clock. */
  readonly clock: Clock;
  /** Resolves when it has stopped. */
  readonly closed: Promise<unknown>;
  /** A new message id. */
  newId(): string;
}
