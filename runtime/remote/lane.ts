import { fingerprint } from "../base/fingerprint.ts";
import { encodeName } from "../durable/rows/keys.ts";
import type { Destination } from "../ports/transport.ts";

/** How much of an address is in the name of its lane: that is part of a key, and any store takes keys of that length. */
const addressUnitsMax = 300;

/** The lane of a destination: all parcels to one channel. */
export function laneOf(
  to: Destination | Pick<Extract<Destination, { kind: "event" }>, "kind" | "protocol" | "event" | "service">,
): string {
  if (to.kind === "inbox") return `inbox:${to.protocol}`;
  if (to.kind === "event") {
    const name = `event:${to.protocol}.${to.event}`;
    return to.service === undefined ? name : `${name}@${encodeName(to.service)}`;
  }
  return `reply:${shortened(encodeName(to.address))}`;
}

/** The name of a lane for people: all replies are one, since there are as many addresses as strangers give. */
export function shownLaneName(lane: string): string {
  return lane.startsWith("reply:") ? "replies" : lane;
}

/** A name of bounded length: strangers may give addresses of any. No encoded name has a percent sign before a tilde. */
function shortened(name: string): string {
  if (name.length <= addressUnitsMax) return name;
  const middle = name.length >> 1;
  const prints = [name, name.slice(0, middle), name.slice(middle)].map(fingerprint);
  return `${name.slice(0, addressUnitsMax)}%~${prints.join("-")}`;
}

/** A destination as the words of errors name it. */
export function shownDestination(to: Destination): string {
  if (to.kind === "inbox") {
    return to.operation === undefined
      ? `${to.protocol}/${to.key}`
      : `${to.protocol}/${to.key} ${to.operation.name}`;
  }
  if (to.kind === "reply") return "who asked";
  return `${to.protocol}.${to.event}${to.service === undefined ? "" : ` of ${to.service}`}`;
}
