import type { Address } from "../language/address.ts";
import { Reply } from "./builtin_protocols.ts";
import { isReplyTarget, type ReplyTarget } from "./envelope.ts";

/** The key of the reply that is kept for a request; `undefined` if its reply goes elsewhere, or it has none. */
export function keptReplyOf(replyTo: ReplyTarget | Address | undefined): string | undefined {
  if (replyTo === undefined || isReplyTarget(replyTo) || replyTo.protocol !== Reply.open.protocol) {
    return undefined;
  }
  return replyTo.key;
}
