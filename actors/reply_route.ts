import type { IngressSendOptions } from "../runtime/language/ingress_options.ts";
import type { SubmitOptions } from "../runtime/language/address.ts";
import type { DelayOptions } from "../runtime/language/when.ts";
import type { Route } from "../runtime/messages/envelope.ts";
import type { Operation } from "../runtime/language/protocol.ts";
import { replyKey, replyName } from "../runtime/messages/reply_name.ts";
import { Reply } from "../runtime/messages/builtin_protocols.ts";
import type { Target } from "../runtime/target.ts";
import type { Runtime } from "../runtime/runtime.ts";

/** A request whose reply is kept until it is collected, or goes to an address. */
export interface SubmitRequest {
  readonly to: Target;
  readonly operation: Operation;
  readonly payload: unknown;
  readonly options: (SubmitOptions<unknown> & DelayOptions & IngressSendOptions) | undefined;
}

/** The route of a request whose reply is kept. */
export interface ReplyRoute {
  readonly route: Route;
  /** The name of the reply, as its caller knows it. */
  readonly name: string;
  /** The key under which the reply is kept. */
  readonly key: string;
}

/**
 * The route of a request that names no address for its reply: the reply gets one of its own, and so does its failure.
 */
export function routeToReply(
  runtime: Runtime,
  { operation, options }: SubmitRequest,
  id: string | undefined,
): ReplyRoute {
  const name = replyName(runtime.ids.ulid());
  const key = replyKey(name, options?.caller);
  const replyTo = { protocol: Reply.arrive.protocol, key, operation: Reply.arrive.name };
  const { failTo = { ...replyTo, operation: Reply.refuse.name } } = runtime.laters.addresses(options);
  return { route: runtime.route(operation, { options, id, replyTo, failTo }), name, key };
}
