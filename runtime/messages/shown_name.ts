import { nameOf } from "./envelope.ts";
import { Reply, Topic } from "./builtin_protocols.ts";
import type { Operation } from "../language/protocol.ts";
import { replyNameOf } from "./reply_name.ts";

/**
 * Receiver and operation as the caller named them, for its errors: `order/ada add`, the event or survey
 * `order.settled`, or a reply. The caller does not know the names of the built-in actors to which the runtime sends for
 * it.
 */
export function shownName(operation: Operation, key: string): string {
  return ownName(operation.protocol, key) ?? nameOf(operation, key);
}

/** The receiver as the caller named it: `order/ada`, or the event, survey or reply that a built-in actor stands for. */
export function shownActor(protocol: string, key: string): string {
  return ownName(protocol, key) ?? `${protocol}/${key}`;
}

function ownName(protocol: string, key: string): string | undefined {
  if (protocol === Topic.publish.protocol) return key;
  return protocol === Reply.open.protocol ? `the reply ${replyNameOf(key)}` : undefined;
}
