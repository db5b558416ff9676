import type { Delivery } from "./delivery.ts";
import type { Envelope } from "./messages/envelope.ts";
import { uncountedRoute } from "./messages/respondents.ts";
import { shownName } from "./messages/shown_name.ts";

/** Sends a dead letter again that is kept in memory. Throws, or rejects, with what a send throws. */
export function resend(
  delivery: Delivery,
  { operation, key, payload, routeAgain }: Envelope,
): void | Promise<void> {
  const { persistence, remote } = delivery;
  delivery.requireRunning(`accept ${shownName(operation, key)}`);
  const to = { protocol: operation.protocol, key };
  const route = uncountedRoute(routeAgain);
  const here = persistence?.has(to.protocol) ? undefined : delivery.elsewhere;
  const elsewhere = remote?.takes(to) ? remote : here;
  const sent = elsewhere?.takes(to)
    ? elsewhere.send(to, route, payload)
    : delivery.receive(to, operation, payload, route);
  return sent?.then(() => {});
}
