import type { Address } from "../language/address.ts";
import { Collector, Topic } from "./builtin_protocols.ts";
import { type Envelope, isReplyTarget, Route } from "./envelope.ts";
import { Remote } from "./remote_address.ts";

/**
 * Where a respondent of a survey tells that it gives no reply: it abstained, failed, or its reply is of no use. `message` is
 * the address of the message that it got, or of its reply. Nothing if nobody counts respondents.
 */
export function passOf(message: Address, replyTo: Address | undefined): Address | undefined {
  if (isCounted(message)) return { ...message, operation: Collector.pass.name };
  if (replyTo === undefined || !isCounted(replyTo) || message.protocol === Topic.publish.protocol) {
    return undefined;
  }
  const { protocol, key } = replyTo;
  return { protocol, key, operation: Collector.pass.name };
}

/** Tells who counts respondents, if anybody does, that the one that got this message gives no reply. */
export function tellPass(
  delivery: { deliverTo(address: Address, payload: unknown, cause: Envelope): void },
  envelope: Envelope,
): void {
  const { operation: { protocol, name }, key, route: { replyTo } } = envelope;
  const to = passOf({ protocol, key, operation: name }, isReplyTarget(replyTo) ? undefined : replyTo);
  if (to !== undefined) delivery.deliverTo(to, undefined, envelope);
}

/** Where a topic tells how many respondents it asked; nothing if nobody counts them. */
export function askedOf(replyTo: Address): Address | undefined {
  if (!isCounted(replyTo)) return undefined;
  const { protocol, key } = replyTo;
  return { protocol, key, operation: Collector.asked.name };
}

/** Where the reply of a respondent goes that is asked again, and was counted before. */
export function uncounted(replyTo: Address | undefined): Address | undefined {
  if (replyTo === undefined || !isCounted(replyTo)) return replyTo;
  const operation = replyTo.protocol === Collector.take.protocol ? Collector.add.name : Remote.arrive.name;
  return { ...replyTo, operation };
}

/** The same for a route. */
export function uncountedRoute(route: Route): Route {
  const { operation, causationId, correlationId, replyTo, deadline, extras } = route;
  if (isReplyTarget(replyTo)) return route;
  const again = uncounted(replyTo);
  return again === replyTo
    ? route
    : new Route(operation, causationId, correlationId, again, deadline, extras);
}

/** Whether the replies to an address are those of respondents that are counted, here or in another service. */
function isCounted({ protocol, operation }: Address): boolean {
  return operation === Collector.take.name &&
    (protocol === Collector.take.protocol || protocol === Remote.take.protocol);
}
