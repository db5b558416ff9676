import { type Envelope, Route } from "../messages/envelope.ts";
import { keptReplyOf } from "../messages/kept_reply.ts";
import { laterAddress } from "../messages/later.ts";
import type { OpenedLater } from "../turns/turn_laters.ts";
import type { DeliveryPort } from "./runtime_services.ts";

/**
 * A turn in memory has answered "later": the actor that keeps its request gets it before anything that the turn sends.
 * `envelope` is the message of the request: its repeats, and who waits for its reply, are known for as long as its answer
 * may take.
 */
export function openLater(
  delivery: DeliveryPort,
  { key, timeoutMs, request }: OpenedLater,
  envelope: Envelope,
): void {
  const { id, correlationId, replyTo, failTo } = request;
  const to = laterAddress(key, "open");
  const route = new Route(delivery.operationAt(to), id, correlationId, replyTo, undefined, { failTo });
  delivery.deduplication.extend(envelope, timeoutMs);
  const kept = keptReplyOf(replyTo);
  if (kept !== undefined) delivery.elsewhere?.hold?.(kept, key);
  delivery.deliver(to, route, request); // if there is no room for one more actor, who waits is told
}
