import type { ActorId } from "../language/address.ts";
import type { Failure } from "../language/failure.ts";
import { Reply } from "../messages/builtin_protocols.ts";
import type { Envelope } from "../messages/envelope.ts";
import { keptReplyOf } from "../messages/kept_reply.ts";
import type { DeliveryPort } from "./runtime_services.ts";

/** The failure of a request that was taken back. */
export function cancelledFailure(id: string, name: string): Failure {
  return { id, code: "cancelled", message: `${name} was cancelled` };
}

/** The failure of a request of which its service did not say before its deadline whether it was taken back. */
export function givenUpFailure(id: string, name: string): Failure {
  const why = "its service did not say before its deadline whether it was taken back";
  return { id, code: "given-up", message: `${name}: ${why}` };
}

/**
 * Takes back a request whose actor is in the memory of this process alone: it waits no longer, and if it runs its turn takes
 * no effect. Returns it, or nothing if it is not here. Its reply is still to be settled.
 */
export function takeBackHere(delivery: DeliveryPort, to: ActorId, replyKey: string): Envelope | undefined {
  const { protocol, key } = to;
  const delayed = delivery.delayed.take(replyKey);
  if (delayed !== undefined) return delivery.envelope(delayed.route, key, delayed.payload); // it was not accepted yet
  const activation = delivery.hosts.get(protocol)?.find(key);
  return activation?.takeBack(({ replyTo }) => keptReplyOf(replyTo) === replyKey);
}

/** Tells the address that a request names for its failure, unless it named none: then its reply tells. */
export function tellFailTo(delivery: DeliveryPort, envelope: Envelope, failure: Failure): void {
  const failTo = envelope.route.extras?.failTo;
  if (failTo !== undefined && failTo.protocol !== Reply.refuse.protocol) {
    delivery.deliverTo(failTo, failure, envelope);
  }
}
