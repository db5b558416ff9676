import type { Channel, ReturnChannel, TransportServices } from "../../../runtime/ports/transport.ts";

type Who = Pick<TransportServices, "service" | "instance">;

/** The address of a channel that a service reads: what a reply is sent to. */
export function addressOf(channel: ReturnChannel, { service, instance }: Who): string {
  if (channel.kind === "replies") return `replies/${service}`;
  if (channel.kind === "process") return `process/${encodeURIComponent(instance)}`;
  return `inbox/${channel.protocol}/${encodeURIComponent(channel.key)}`;
}

/** The name of the queue of a channel. */
export function queueOf(channel: Channel, { service, instance }: Who): string {
  if (channel.kind === "inbox") return `inbox ${channel.protocol}`;
  if (channel.kind === "event") return `event ${eventName(channel)} ${service}`;
  return channel.kind === "replies" ? `replies ${service}` : `process ${encodeURIComponent(instance)}`;
}

/** The name of an event among all protocols. */
export function eventName(
  { protocol, event }: { readonly protocol: string; readonly event: string },
): string {
  return `${protocol}.${event}`;
}
