import type { DeliveryPort } from "./activations/runtime_services.ts";
import { cancelledFailure, takeBackHere, tellFailTo } from "./activations/take_back.ts";
import type { Cancellation } from "./language/ticket.ts";
import type { Ids } from "./messages/ids.ts";
import type { InMemoryReplies, KeptReply } from "./in_memory_replies.ts";

/** What taking back needs of a system without a store. */
export interface InMemoryCancellationParts {
  readonly delivery: DeliveryPort;
  readonly replies: InMemoryReplies;
  readonly ids: Ids;
}

/**
 * Takes back a request whose reply is kept in memory. Returns how it ended, or nothing if the request is not here: then
 * somebody else settles its reply.
 */
export function cancelInMemory(parts: InMemoryCancellationParts, kept: KeptReply): Cancellation | undefined {
  const { cancellation, to, key } = kept;
  if (cancellation !== undefined || to === undefined) return cancellation;
  const { delivery, replies, ids } = parts;
  const envelope = takeBackHere(delivery, to, key);
  if (envelope === undefined) return undefined;
  const failure = cancelledFailure(ids.text(envelope.id), String(envelope));
  replies.cancel(kept, failure, "cancelled");
  tellFailTo(delivery, envelope, failure);
  return "cancelled";
}
