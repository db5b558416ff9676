import { nameOf } from "./envelope.ts";
import { Reply, Topic } from "./builtin_protocols.ts";
import type { Operation } from "../language/protocol.ts";
import { replyNameOf } from "./reply_name.ts";

/**
 * What a caller named, for the errors that it gets: `order/ada add`, the event or survey `order.settled`, or its reply.
 * What the runtime sends to its own actors for a caller has names that the caller does not know.
 */
export function shownName(operation: Operation, key: string): string {
  return ownName(operation.protocol, key) ?? nameOf(operation, key);
}

/** The same of the receiver: `order/ada`, or the event, survey or reply that it stands for. */
export function shownActor(protocol: string, key: string): string {
  return ownName(protocol, key) ?? `${protocol}/${key}`;
}

function ownName(protocol: string, key: string): string | undefined {
  if (protocol === Topic.publish.protocol) return key;
  return protocol === Reply.open.protocol ? `the reply ${replyNameOf(key)}` : undefined;
}
