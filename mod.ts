/**
 * Posthorn: an actor runtime with mailboxes for Deno and the edge. Actors exchange messages in five modes, behind one
 * typed protocol.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { actor, ask, protocol, System, tell } from "@posthorn/posthorn";
 * import * as z from "zod";
 *
 * const Cart = protocol("cart", {
 *   add: tell(z.object({ sku: z.string(), cents: z.number().int() })), // notification
 *   total: ask(z.number()), //                                           request / synchronous response
 * });
 *
 * const cart = actor(Cart, {
 *   state: () => ({ cents: 0 }),
 *   on: {
 *     add: (ctx, line) => {
 *       ctx.state = { cents: ctx.state.cents + line.cents };
 *     },
 *     total: (ctx) => ctx.state.cents,
 *   },
 * });
 *
 * await using system = new System({ actors: [cart] });
 * const ada = system.ref(Cart, "ada");
 * await ada.tell(Cart.add, { sku: "tea", cents: 450 });
 * assert(await ada.ask(Cart.total) === 450);
 * ```
 *
 * @module
 */

// The language: protocols, actors, handles and errors.
export { CancelledError } from "./runtime/base/cancelled_error.ts";
export {
  DeadLetterError,
  DeadlineExceededError,
  DeadlockError,
  IdConflictError,
  InvalidPayloadError,
  type Issue,
  LimitExceededError,
  MailboxFullError,
  NotFoundError,
  PosthornError,
  ReplyPendingError,
  RetryableError,
  type RetryableErrorOptions,
  StillRunningError,
  StoppedError,
  TerminalError,
  type TerminalErrorOptions,
  TurnTimeoutError,
} from "./runtime/base/errors.ts";
export { type Schema, unchecked } from "./runtime/language/schema.ts";
export type { Frozen, FrozenList } from "./runtime/language/frozen.ts";
export { isLater, type Later, later } from "./runtime/language/later.ts";
export type { AnswerTo, LaterOf, LaterOptions, Reason } from "./runtime/language/later_options.ts";
export type { Refused } from "./runtime/language/refused.ts";
export { Failure } from "./runtime/language/failure.ts";
export {
  type Ask,
  ask,
  type Event,
  event,
  type EventOptions,
  type InputOf,
  type OutputOf,
  type Protocol,
  protocol,
  type ReplyOf,
  type ReplyOutputOf,
  type Submit,
  submit,
  type Survey,
  survey,
  type Tell,
  tell,
} from "./runtime/language/protocol.ts";
export type {
  AcceptedBy,
  ActorId,
  Address,
  AskOptions,
  Ref,
  SendOptions,
  SubmitOptions,
  TellOptions,
} from "./runtime/language/address.ts";
export type * from "./runtime/language/ticket.ts";
export type {
  Context,
  ListenOptions,
  Published,
  Replies,
  SubmitContext,
  Subscribed,
  SubscribeOptions,
  Subscription,
  SurveyEnd,
  SurveyOptions,
  TransientContext,
  TransientSubmitContext,
  TransientTurnRef,
  TurnRef,
} from "./runtime/language/context.ts";
export type { DelayOptions, When } from "./runtime/language/when.ts";
export {
  type Actor,
  actor,
  type ActorOptions,
  type MailboxOptions,
  type OnFailure,
  type Overflow,
  type RestartLimit,
  type RetryOptions,
} from "./runtime/language/actor.ts";
export type { HandlerLimits } from "./runtime/language/handler_limits.ts";

// The system and what it reports.
export { System } from "./actors/system.ts";
export type { Limits, SystemOptions } from "./runtime/ports/options.ts";
export type { BrokenActor } from "./runtime/ports/broken_actors.ts";
export type { Log } from "./runtime/ports/failure_log.ts";
export type {
  Health,
  StopOptions,
  StopReport,
  StoreHealth,
  TransportHealth,
} from "./runtime/ports/health.ts";
export type {
  BulkResult,
  CancelRequestOptions,
  Control,
  StoreControl,
  WhichLetter,
} from "./runtime/ports/control.ts";
export type { Scheduled, ScheduleFilter } from "./runtime/ports/scheduled.ts";
export type { LaneStats, ProtocolStats, Stats, TurnStats, UnhostedStats } from "./runtime/ports/stats.ts";
export type { Signal } from "./runtime/activations/resident.ts";
export type { EventLog, LoggedEvent } from "./runtime/ports/event_log.ts";
export type { SchedulerOptions } from "./runtime/scheduling/scheduler.ts";
export type { DeadLetter, DeadLetters } from "./runtime/ports/dead_letters.ts";
export type { AddedHeaders, GoOn, Inspectable, Interceptor } from "./runtime/ports/interceptor.ts";
export type { InspectedMessage, Inspection, InspectOptions, Inspector } from "./runtime/ports/inspection.ts";
export type * from "./runtime/ports/observation.ts";

// The ports: time, randomness and the store.
export { type Cancel, type Clock, systemClock } from "./runtime/base/clock.ts";
export { type Random, systemRandom } from "./runtime/base/random.ts";
export type { Store } from "./runtime/ports/store.ts";
export { OutcomeUnknownError, StoreError, TooLargeError } from "./runtime/base/store_errors.ts";
