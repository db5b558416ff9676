import type { Parcel, Refusal } from "../../../runtime/ports/transport.ts";
import { type Envelope, frameBytesMax } from "./client.ts";
import {
  actorOf,
  addressOfActor,
  directReplyTo,
  eventRoutingKeyOf,
  eventsExchange,
  isShort,
  replyQueueOf,
  routingKeyOf,
} from "./names.ts";

/** A parcel as it is published. */
export interface Outgoing {
  readonly envelope: Envelope;
  readonly body: Uint8Array;
}

/** The bytes of a frame that are kept free for the short texts of AMQP and for what frames them. */
const propertiesBytes = 3_000;
const encoder = new TextEncoder();

/** Why a parcel can never be sent, whatever the broker says. */
export function refusalOf(parcel: Parcel, messageBytes: number): Refusal | undefined {
  const { body, id, correlationId = "" } = parcel;
  if (body.length > messageBytes) {
    return refused("too-large", id, `its body has ${body.length} of ${messageBytes} bytes`);
  }
  const texts = Object.entries(headersOf(parcel, ""));
  const bytes = texts.reduce((sum, [name, value]) => sum + 6 + bytesOf(name) + bytesOf(value), 0);
  const most = frameBytesMax - propertiesBytes;
  if (bytes > most) return refused("too-large", id, `its headers have ${bytes} of ${most} bytes`);
  const to = destinationOf(parcel.to);
  const cut = [id, correlationId, to.kind === "reply" ? to.address : ""].find((text) => !isShort(text));
  if (cut === undefined) return undefined;
  return refused("refused", id, `an id or address of it has ${bytesOf(cut)} of 255 bytes`);
}

function refused(code: Refusal["code"], id: string, why: string): Refusal {
  return { code, message: `Cannot send ${id.slice(0, 80)}: ${why}` };
}

function bytesOf(text: string): number {
  return encoder.encode(text).length;
}

/** What is published for a parcel. */
export function outgoingOf(parcel: Parcel, service: string, nowMs: number): Outgoing {
  const { to, id, body, contentType, replyTo, correlationId, expiresAtMs } = parcel;
  const properties = {
    messageId: id,
    contentType,
    headers: headersOf(parcel, service),
    correlationId,
    replyTo: replyTo && replyQueueOf(replyTo, service),
    expiration: expiresAtMs === undefined ? undefined : String(Math.max(Math.ceil(expiresAtMs - nowMs), 0)),
    appId: service,
    durable: true,
  };
  return { envelope: { ...properties, ...routeOf(destinationOf(to)) }, body };
}

/** A reply to an actor goes to its inbox, like everything else that is sent to it. */
function destinationOf(to: Parcel["to"]): Parcel["to"] {
  const actor = to.kind === "reply" ? actorOf(to.address) : undefined;
  return actor === undefined ? to : { kind: "inbox", ...actor };
}

function routeOf(to: Parcel["to"]): Pick<Envelope, "exchange" | "routingKey" | "mandatory" | "type"> {
  if (to.kind === "inbox") {
    const { protocol, key, operation } = to;
    return { exchange: protocol, routingKey: routingKeyOf(key), mandatory: true, type: operation?.name };
  }
  if (to.kind === "event") {
    const routingKey = eventRoutingKeyOf(to.protocol, to.event, to.subject);
    return { exchange: eventsExchange, routingKey, mandatory: false, type: to.event };
  }
  // The broker returns what is mandatory and goes to an address of a direct reply, although it delivers it.
  const direct = to.address.startsWith(`${directReplyTo}.`);
  return { exchange: "", routingKey: to.address, mandatory: !direct };
}

function headersOf(parcel: Parcel, service: string): Record<string, string> {
  const { id, headers, replyTo, expiresAtMs } = parcel;
  const to = destinationOf(parcel.to);
  const more: Record<string, string> = {};
  if (replyTo?.kind === "inbox") more["posthorn-return"] = addressOfActor(replyTo.protocol, replyTo.key);
  if (to.kind === "inbox" && routingKeyOf(to.key) !== to.key) more["posthorn-key"] = to.key;
  if (to.kind === "event") {
    const { protocol, event, subject } = to;
    more["cloudEvents:specversion"] = "1.0";
    more["cloudEvents:id"] = id;
    more["cloudEvents:source"] = `/${service}`;
    more["cloudEvents:type"] = `${protocol}.${event}`;
    if (subject !== "") more["cloudEvents:subject"] = subject;
    if (!eventRoutingKeyOf(protocol, event, subject).endsWith(subject)) more["posthorn-subject"] = subject;
  }
  if (expiresAtMs !== undefined && headers["posthorn-deadline"] !== String(expiresAtMs)) {
    more["posthorn-expires"] = String(expiresAtMs);
  }
  return { ...headers, ...more };
}
