import type { ActorId, SubmitOptions } from "../runtime/language/address.ts";
import type { Route } from "../runtime/messages/envelope.ts";
import { Reply } from "../runtime/messages/builtin_protocols.ts";
import type { Operation } from "../runtime/language/protocol.ts";
import { replyKey, replyName } from "../runtime/messages/reply_name.ts";
import type { Runtime } from "../runtime/runtime.ts";

/** The way of a request whose reply is kept. */
export interface ReplyRoute {
  readonly route: Route;
  /** The name of the reply, as its caller knows it. */
  readonly name: string;
  /** Where it is kept. */
  readonly reply: ActorId;
}

/** The way of a request that names no address for its reply: it gets one of its own, and so does its failure. */
export function routeToReply(
  runtime: Runtime,
  operation: Operation,
  id: string | undefined,
  options: SubmitOptions<unknown> | undefined,
): ReplyRoute {
  const name = replyName(runtime.ids.ulid());
  const reply = { protocol: Reply.open.protocol, key: replyKey(name, options?.caller) };
  const route = runtime.route(operation, {
    options,
    id,
    replyTo: { ...reply, operation: Reply.arrive.name },
    failTo: options?.failTo ?? { ...reply, operation: Reply.refuse.name },
  });
  return { route, name, reply };
}
