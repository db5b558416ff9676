import { guarded } from "../../../runtime/base/guarded.ts";
import type { Channel, Delivery } from "../../../runtime/ports/transport.ts";
import type { Message } from "./client.ts";
import { eventRoutingKeyOf, routingKeyOf } from "./names.ts";

/** The headers that this adapter or the broker has added: they are in the delivery, or say nothing to a user. */
const added = [
  "posthorn-key",
  "posthorn-subject",
  "posthorn-expires",
  "posthorn-return",
  "x-delivery-count",
  "x-acquired-count",
];

/** The encodings of text that change nothing. */
const plainEncodings = ["", "identity", "utf8", "utf-8", "binary"];

const decoder = new TextDecoder();

/** The delivery that a message is, on that channel. */
export function deliveryOf(message: Message, channel: Channel, nowMs: number): Delivery {
  const { all, attributes } = headersOf(message);
  const given = Object.entries(all).filter(([name]) => !added.includes(name));
  const source = attributes.source === `/${message.appId}` ? [] : [["ce-source", attributes.source]];
  const others = Object.entries(attributes).filter(([name]) => !known.includes(name)).map((
    [name, value],
  ) => [`ce-${name}`, value]);
  return {
    id: message.messageId || attributes.id || undefined,
    key: keyOf(message, channel, all, attributes.subject),
    operation: operationOf(message, channel, attributes.type),
    body: new Uint8Array(message.body.buffer, message.body.byteOffset, message.body.byteLength),
    contentType: contentTypeOf(message),
    headers: Object.fromEntries([...given, ...source.filter(([, value]) => value !== undefined), ...others]),
    replyTo: message.replyTo && (all["posthorn-return"] || message.replyTo) || undefined,
    correlationId: message.correlationId || undefined,
    expiresAtMs: expiryOf(message, all, nowMs),
    again: message.redelivered,
  };
}

/** The attributes of CloudEvents that a delivery has in its own words. */
const known = ["id", "type", "subject", "specversion", "datacontenttype", "source"];

type Texts = Readonly<Record<string, string | undefined>>;

/** The headers as text, with lower-case names, and among them the attributes of a CloudEvent. */
function headersOf({ headers = {} }: Message): { all: Texts; attributes: Texts } {
  const all: [string, string][] = [];
  const attributes: [string, string][] = [];
  for (const [name, value] of Object.entries(headers)) {
    const lower = name.toLowerCase();
    if (/^cloudevents[:_]/.test(lower)) attributes.push([lower.slice(12), textOf(value)]);
    else all.push([lower, textOf(value)]);
  }
  return { all: Object.fromEntries(all), attributes: Object.fromEntries(attributes) };
}

/** The value of a header as text. */
export function textOf(value: unknown): string {
  if (typeof value === "string") return value;
  if (value === null || value === undefined) return "";
  if (value instanceof Uint8Array) return decoder.decode(value);
  return typeof value === "object" ? guarded(() => JSON.stringify(value), "") : String(value);
}

function keyOf({ exchange, routingKey }: Message, channel: Channel, all: Texts, subject = ""): string {
  if (channel.kind === "inbox") {
    const long = all["posthorn-key"];
    if (exchange === "") return long ?? subject; // straight to the queue, whose name is the routing key
    return long !== undefined && routingKeyOf(long) === routingKey ? long : routingKey || subject;
  }
  if (channel.kind !== "event") return "";
  const { protocol, event } = channel;
  const long = all["posthorn-subject"];
  if (long !== undefined && eventRoutingKeyOf(protocol, event, long) === routingKey) return long;
  const prefix = `${protocol}.${event}.`;
  if (routingKey.startsWith(prefix)) return routingKey.slice(prefix.length);
  return routingKey === `${protocol}.${event}` ? "" : subject; // it came by an exchange of the stranger's own
}

function operationOf(message: Message, channel: Channel, type: string | undefined): string | undefined {
  if (channel.kind === "event") return channel.event;
  if (channel.kind !== "inbox") return undefined;
  if (message.exchange === "" && message.correlationId) return undefined; // a stranger's reply, straight to the queue
  return message.type || type?.slice(type.lastIndexOf(".") + 1) || undefined;
}

/** The media type; of a compressed body one that nobody knows, so that nobody takes it for text. */
function contentTypeOf({ rawContentType, contentEncoding = "" }: Message): string | undefined {
  if (plainEncodings.includes(contentEncoding.toLowerCase())) return rawContentType || undefined;
  return `${rawContentType ?? "application/octet-stream"}+${contentEncoding}`;
}

/** When its sender stops waiting. The broker's own expiry counts from when it got the message, which only it knows. */
function expiryOf({ expiration, timestamp }: Message, all: Texts, nowMs: number): number | undefined {
  const deadlineMs = Number(all["posthorn-expires"] ?? all["posthorn-deadline"] ?? NaN);
  if (Number.isFinite(deadlineMs)) return deadlineMs;
  const restMs = expiration ? Number(expiration) : NaN;
  if (!Number.isFinite(restMs)) return undefined;
  return restMs + (timestamp ? Math.min(timestamp * 1_000 + 999, nowMs) : nowMs);
}
