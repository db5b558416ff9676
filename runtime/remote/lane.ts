import { encodeName } from "../durable/rows/keys.ts";
import type { Destination } from "../ports/transport.ts";

/** The lane of a destination: all parcels to one channel. */
export function laneOf(
  to: Destination | Pick<Extract<Destination, { kind: "event" }>, "kind" | "protocol" | "event">,
): string {
  if (to.kind === "inbox") return `inbox:${to.protocol}`;
  if (to.kind === "event") return `event:${to.protocol}.${to.event}`;
  return `reply:${encodeName(to.address)}`;
}

/** A destination as the words of errors name it. */
export function shownDestination(to: Destination): string {
  if (to.kind === "inbox") {
    return to.operation === undefined
      ? `${to.protocol}/${to.key}`
      : `${to.protocol}/${to.key} ${to.operation.name}`;
  }
  return to.kind === "event" ? `${to.protocol}.${to.event}` : "who asked";
}
