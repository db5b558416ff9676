import { fingerprint } from "../../../runtime/base/fingerprint.ts";
import type { Channel, ReturnChannel } from "../../../runtime/ports/transport.ts";

/** The exchange of all events and surveys. */
export const eventsExchange = "posthorn.events";

/** The name that RabbitMQ replaces by an address of the channel that publishes. */
export const directReplyTo = "amq.rabbitmq.reply-to";

/** The maximum length of a routing key, and of every short text of AMQP, in bytes. The client cuts longer ones. */
export const shortBytesMax = 255;

const encoder = new TextEncoder();

/** Whether a text fits into a short text of AMQP. */
export function isShort(text: string): boolean {
  return text.length * 3 <= shortBytesMax || encoder.encode(text).length <= shortBytesMax;
}

/** The routing key of an actor: its key, or a hash of it if that is too long for one. */
export function routingKeyOf(key: string): string {
  return isShort(key) ? key : fingerprint(key);
}

/** The routing key of an event under its subject. The subject is replaced by a hash if that is too long. */
export function eventRoutingKeyOf(protocol: string, event: string, subject: string): string {
  const whole = `${protocol}.${event}${subject === "" ? "" : `.${subject}`}`;
  return isShort(whole) ? whole : `${protocol}.${event}.${fingerprint(subject)}`;
}

/** The queue of a channel. */
export function queueOf(channel: Exclude<Channel, { readonly kind: "process" }>, service: string): string {
  if (channel.kind === "inbox") return channel.protocol;
  return channel.kind === "replies"
    ? `${service}.replies`
    : `${service}.${channel.protocol}.${channel.event}`;
}

/** The queue of the deliveries that were rejected. */
export function deadQueueOf(channel: Channel, service: string): string {
  return `${channel.kind === "inbox" || channel.kind === "event" ? channel.protocol : service}.dead`;
}

/** The queue to which a stranger sends its reply. */
export function replyQueueOf(channel: ReturnChannel, service: string): string {
  if (channel.kind === "process") return directReplyTo;
  return channel.kind === "inbox" ? channel.protocol : `${service}.replies`;
}

/** What begins the address of an actor, to which its inbox's queue would not lead. No queue of ours begins so. */
const actorAddress = "actor:";

/** The address to which a reply to an actor goes, with its key. A stranger is given the queue. */
export function addressOfActor(protocol: string, key: string): string {
  return `${actorAddress}${protocol}/${key}`;
}

/** The actor that an address names, if it names one. */
export function actorOf(address: string): { readonly protocol: string; readonly key: string } | undefined {
  if (!address.startsWith(actorAddress)) return undefined;
  const end = address.indexOf("/");
  return end < 0
    ? undefined
    : { protocol: address.slice(actorAddress.length, end), key: address.slice(end + 1) };
}
