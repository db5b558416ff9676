import type { ActorId } from "../language/address.ts";
import type { Mode } from "../language/protocol.ts";
import { readRemoteKey, Remote } from "../messages/remote_address.ts";
import type { Destination, InboxOperation, Parcel, ReturnChannel } from "../ports/transport.ts";
import type { RequestPlace, SentRequest } from "../durable/delivery/reply_rows.ts";
import type { MessageHeader } from "../durable/rows/queued_message.ts";
import { bodyOfText, problemOf } from "./body.ts";
import { fromText } from "../durable/rows/value_codec.ts";
import type { Failure } from "../language/failure.ts";
import { Reply } from "../messages/builtin_protocols.ts";
import { unsentReply } from "../messages/unsent_reply.ts";
import { printOf } from "./message_mark.ts";
import { encodeHeaders, mediaTypes, wireHeaders } from "./wire.ts";

/** Where the reply to a message goes, and what it carries. */
export interface ExpectedReply {
  readonly channel: ReturnChannel;
  readonly name: string;
}

/** A message to another service, besides its payload. */
export interface RemoteMessage {
  readonly to: ActorId;
  readonly message: MessageHeader;
  /** The mode of its operation, which its receiver need not know. */
  readonly mode: Mode;
  /** The name of its sender on the wire. */
  readonly sender: string;
  readonly expected?: ExpectedReply | undefined;
  /** The request that it takes back. */
  readonly cancels?: SentRequest | undefined;
  /** Of a survey: whether its asker counts respondents. */
  readonly counts?: boolean | undefined;
}

/** The row of a message that waits to be sent, in front of its payload. */
export interface OutboxHead extends RemoteMessage {
  /** When it was written, in milliseconds since 1970. */
  readonly atMs: number;
}

/** Where a message goes. Throws if its receiver cannot be in another service. */
export function destinationOf(
  { to: { protocol, key }, message: { operation }, mode, cancels }: RemoteMessage,
): Destination {
  if (cancels !== undefined) return { kind: "inbox", protocol, key };
  if (protocol !== Remote.arrive.protocol) {
    return {
      kind: "inbox",
      protocol,
      key,
      operation: { name: operation, mode: mode as InboxOperation["mode"] },
    };
  }
  const address = readRemoteKey(key);
  if ("event" in address) {
    const { event: { protocol, name }, subject, key, service } = address;
    const one = { kind: "event", protocol, event: name, mode: mode === "survey" ? mode : "event" } as const;
    return { ...one, subject, key, ...(service !== undefined && { service }) };
  }
  if ("address" in address) return { kind: "reply", address: address.address };
  return { kind: "inbox", protocol: address.protocol, key: address.key };
}

/**
 * The parcel of a message whose payload the store has as this text. `expiresAtMs` is when nobody waits for its reply any
 * more.
 */
export function parcelOf(remote: RemoteMessage, text: string, expiresAtMs?: number): Parcel {
  const { to, message, expected } = remote;
  const refuses = to.protocol === Remote.refuse.protocol && message.operation === Remote.refuse.name;
  const asked = to.protocol === Remote.asked.protocol && message.operation === Remote.asked.name;
  const { body, contentType } = refuses
    ? problemOf(fromText(text) as Failure)
    : bodyOfText(asked ? "" : text);
  const reply = to.protocol === Remote.arrive.protocol ? readRemoteKey(to.key) : undefined;
  const isReply = reply !== undefined && !("event" in reply);
  const headers = headersOf(remote);
  if (isReply) headers[wireHeaders.reply] = "true";
  if (asked) headers[wireHeaders.respondents] = text;
  return {
    to: destinationOf(remote),
    id: message.id,
    body,
    contentType,
    headers,
    replyTo: expected?.channel,
    correlationId: isReply ? reply.correlationId : expected?.name,
    expiresAtMs: isReply ? reply.untilMs : expiresAtMs,
  };
}

/** The failure that takes the place of a reply that cannot be sent; nothing if a message is no reply, or is a failure. */
export function inPlaceOf(parcel: Parcel, error: unknown): Parcel | undefined {
  const { headers, contentType } = parcel;
  if (headers[wireHeaders.reply] === undefined || contentType === mediaTypes.problem) return undefined;
  const id = decodeURIComponent(headers[wireHeaders.cause] ?? "");
  return { ...parcel, ...problemOf(unsentReply(id, error)) };
}

/** Throws a `PosthornError` (`invalid-headers`) if the headers of a user cannot travel. */
function headersOf({ message, sender, expected, cancels, counts }: RemoteMessage): Record<string, string> {
  const { causationId, correlationId, deadlineMs, headers: given } = message;
  const headers = encodeHeaders(given);
  headers[wireHeaders.sender] = sender;
  if (causationId !== undefined) headers[wireHeaders.cause] = encodeURIComponent(causationId);
  if (correlationId !== undefined) headers[wireHeaders.correlation] = encodeURIComponent(correlationId);
  if (deadlineMs !== undefined) headers[wireHeaders.deadline] = String(deadlineMs);
  if (cancels !== undefined) {
    headers[wireHeaders.cancel] = cancels.operation;
    headers[wireHeaders.cancelId] = encodeURIComponent(cancels.id);
    headers[wireHeaders.cancelBody] = cancels.print;
  }
  if (counts === true) headers[wireHeaders.respondents] = "count";
  if (expected?.channel.kind === "inbox") {
    headers[wireHeaders.replyProtocol] = expected.channel.protocol;
    headers[wireHeaders.replyKey] = encodeURIComponent(expected.channel.key);
  }
  return headers;
}

/** Where a request is whose reply is kept for a ticket; `undefined` for other messages. */
export function requestOf(
  { to, message, sender, expected }: RemoteMessage,
  body: Uint8Array,
): RequestPlace | undefined {
  if (expected === undefined || message.replyTo?.protocol !== Reply.open.protocol) return undefined;
  const { id, operation, deadlineMs } = message;
  const { channel, name } = expected;
  return { ...to, sent: { id, operation, sender, channel, name, print: printOf(body), deadlineMs } };
}

/** The message that tells the service of a request to take it back. */
export function cancelOf(to: ActorId, sent: SentRequest, id: string, via: string): RemoteMessage {
  const { sender, channel, name, operation } = sent;
  const message = { id, operation, via };
  return { to, message, mode: "tell", sender, expected: { channel, name }, cancels: sent };
}
