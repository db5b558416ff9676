import type { Address } from "../language/address.ts";
import { Reply } from "./builtin_protocols.ts";
import type { ToldFailure } from "./told_failure.ts";
import type { ReplyTarget } from "./envelope.ts";
import { keptReplyOf } from "./kept_reply.ts";

/** Where the failure of a request goes: to the address that it names for failures, and to the reply that is kept for it. */
export function failureAddresses(
  replyTo: ReplyTarget | Address | undefined,
  failTo: Address | undefined,
): readonly Address[] {
  const key = keptReplyOf(replyTo);
  if (key === undefined) return failTo === undefined ? [] : [failTo];
  const { protocol } = Reply.refuse;
  const refused = { protocol, key, operation: Reply.refuse.name };
  const isOwn = failTo === undefined || (failTo.protocol === protocol && failTo.key === key);
  return isOwn ? [refused] : [failTo, refused];
}

/** A failure as an address gets it: the outcome is only for replies, and for other services. */
export function toldTo({ protocol }: Address, { outcome, ...failure }: ToldFailure): ToldFailure {
  return outcome === undefined || !protocol.startsWith("~") ? failure : { ...failure, outcome };
}
