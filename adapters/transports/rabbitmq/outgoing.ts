import type { Destination, Parcel, Refusal } from "../../../runtime/ports/transport.ts";
import { type Envelope, frameBytesMax } from "./client.ts";
import {
  actorOf,
  addressOfActor,
  directReplyTo,
  eventRoutingKeyOf,
  isDirectAddress,
  isShort,
  type Names,
  routingKeyOf,
} from "./names.ts";

/** A parcel as it is published. */
export interface Outgoing {
  readonly envelope: Envelope;
  readonly body: Uint8Array;
}

/** What the sender of a parcel is. */
export interface OutgoingOptions {
  readonly service: string;
  readonly names: Names;
  readonly nowMs: number;
  /** The maximum size of a body. */
  readonly messageBytes: number;
}

/** The bytes of a frame that are kept free for the short texts of AMQP and for what frames them. */
const propertiesBytes = 3_000;
const headersBytesMax = frameBytesMax - propertiesBytes;
const encoder = new TextEncoder();

/** What is published for a parcel, or why it can never be sent, whatever the broker says. */
export function outgoingOf(parcel: Parcel, options: OutgoingOptions): Outgoing | Refusal {
  const { id, body, contentType, replyTo, correlationId, expiresAtMs } = parcel;
  const { service, names, nowMs, messageBytes } = options;
  const actor = parcel.to.kind === "reply" ? actorOf(parcel.to.address) : undefined;
  const to: Destination = actor === undefined ? parcel.to : { kind: "inbox", ...actor };
  const headers = headersOf(parcel, to, service);
  if (body.length > messageBytes) {
    return refused("too-large", id, `its body has ${body.length} of ${messageBytes} bytes`);
  }
  const headersBytes = sizeOf(headers);
  if (headersBytes > headersBytesMax) {
    return refused("too-large", id, `its headers have ${headersBytes} of ${headersBytesMax} bytes`);
  }
  const cut = [id, correlationId ?? "", contentType ?? "", to.kind === "reply" ? to.address : ""]
    .find((text) => !isShort(text));
  if (cut !== undefined) {
    return refused("refused", id, `an id, type or address of it has ${bytesOf(cut)} of 255 bytes`);
  }
  if (to.kind === "reply" && to.address.startsWith(`${directReplyTo}.`) && !isDirectAddress(to.address)) {
    return refused("refused", id, "its return address is none that RabbitMQ has made");
  }
  const envelope: Envelope = {
    ...routeOf(to, names),
    messageId: id,
    contentType,
    headers,
    correlationId,
    replyTo: replyTo && names.replyQueue(replyTo),
    expiration: expiresAtMs === undefined ? undefined : String(Math.max(Math.ceil(expiresAtMs - nowMs), 0)),
    appId: service,
    durable: true,
  };
  return { envelope, body };
}

function refused(code: Refusal["code"], id: string, why: string): Refusal {
  return { code, message: `Cannot send ${id.slice(0, 80)}: ${why}` };
}

function bytesOf(text: string): number {
  return encoder.encode(text).length;
}

/** The bytes that headers take; more than they take if they are few. */
function sizeOf(headers: Readonly<Record<string, string>>): number {
  const texts = Object.entries(headers).flat();
  const units = texts.reduce((sum, { length }) => sum + 3 + length, 0);
  if (3 * units <= headersBytesMax) return 3 * units;
  return texts.reduce((sum, text) => sum + 3 + bytesOf(text), 0);
}

function routeOf(
  to: Destination,
  names: Names,
): Pick<Envelope, "exchange" | "routingKey" | "mandatory" | "type"> {
  if (to.kind === "inbox") {
    const { protocol, key, operation } = to;
    return {
      exchange: names.inbox(protocol),
      routingKey: routingKeyOf(key),
      mandatory: true,
      type: operation?.name,
    };
  }
  if (to.kind === "event") {
    const routingKey = eventRoutingKeyOf(to.protocol, to.event, to.subject);
    return { exchange: names.events, routingKey, mandatory: false, type: to.event };
  }
  // The broker returns what is mandatory and goes to an address of a direct reply, although it delivers it.
  const direct = to.address.startsWith(`${directReplyTo}.`);
  return { exchange: "", routingKey: to.address, mandatory: !direct };
}

/** The headers of the parcel, and those that say what AMQP has no place for. */
function headersOf(
  { id, headers, replyTo, expiresAtMs }: Parcel,
  to: Destination,
  service: string,
): Record<string, string> {
  const all: Record<string, string> = { ...headers };
  if (replyTo?.kind === "inbox") all["posthorn-return"] = addressOfActor(replyTo.protocol, replyTo.key);
  if (to.kind === "inbox" && !isShort(to.key)) all["posthorn-key"] = to.key;
  if (to.kind === "event") {
    const { protocol, event, subject } = to;
    all["cloudEvents:specversion"] = "1.0";
    all["cloudEvents:id"] = id;
    all["cloudEvents:source"] = `/${service}`;
    all["cloudEvents:type"] = `${protocol}.${event}`;
    if (subject !== "") all["cloudEvents:subject"] = subject;
    if (!isShort(`${protocol}.${event}.${subject}`)) all["posthorn-subject"] = subject;
  }
  if (expiresAtMs !== undefined && headers["posthorn-deadline"] !== String(expiresAtMs)) {
    all["posthorn-expires"] = String(expiresAtMs);
  }
  return all;
}
