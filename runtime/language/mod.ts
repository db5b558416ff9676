/**
 * The language alone: the functions that declare a protocol, and the types that the compiler derives from it.
 * A file that callers and actors share imports this entry, which loads nothing else of the package.
 *
 * @example
 * ```ts
 * import { ask, protocol, tell } from "@posthorn/posthorn/protocol";
 * import * as z from "zod";
 *
 * export const Cart = protocol("cart", {
 *   add: tell(z.object({ sku: z.string(), cents: z.number().int() })),
 *   total: ask(z.number()),
 * });
 * ```
 *
 * @module
 */

export {
  type Ask,
  ask,
  type Event,
  event,
  type EventOptions,
  type InputOf,
  type Mode,
  type Named,
  type NamedProtocol,
  type Operation,
  type Operations,
  type OperationTypes,
  type OutputOf,
  type Protocol,
  protocol,
  type ProtocolInfo,
  type ReplyOf,
  type ReplyOutputOf,
  type Submit,
  submit,
  type Survey,
  survey,
  type Tell,
  tell,
} from "./protocol.ts";
export { type Schema, unchecked } from "./schema.ts";
export { isLater, type Later, later } from "./later.ts";
export type { AnswerTo, LaterOf, LaterOptions, Reason } from "./later_options.ts";
export { Failure } from "./failure.ts";
export type { Frozen, FrozenList, Whole } from "./frozen.ts";
export type { AcceptedBy, ActorId, Address, Arguments, Payload } from "./address.ts";
export type { Answering, Handler, HandlerOf, Handlers } from "./actor.ts";
export type { ContextOf, SubmitContextOf } from "./context.ts";
export type { HasUntyped, IsAlwaysEmpty, ItemOf, TypedState, UntypedIn } from "./typed_state.ts";
export type { Refused, Wrong } from "./refused.ts";
export type { IsNothing, Something, Untested } from "./something.ts";
