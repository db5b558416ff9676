import { guarded } from "../../../runtime/base/guarded.ts";
import type { Channel } from "../../../runtime/ports/transport.ts";

/** The stream of all events. */
export const eventStream = "POSTHORN_EVENTS";
/** The stream that says who reads what just now. */
export const readerStream = "POSTHORN_READERS";
/** The stream that says which store a service has, and how far it has read. */
export const serviceStream = "POSTHORN_SERVICES";

/** The second to last part of a subject to which the reply to an actor goes. */
const replyPart = "posthorn";

/** A text as one token of a subject. */
export function tokenOf(text: string): string {
  if (/^[A-Za-z0-9_-]+$/.test(text)) return text;
  if (text === "") return "%"; // a token is never empty
  return encodeURIComponent(text.toWellFormed()).replace(
    /[.!~*'()]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

/** The text of a token. One that is not percent-encoded, from a stranger, is the text itself. */
export function textOf(token: string): string {
  if (token === "%") return "";
  return token.includes("%") ? guarded(() => decodeURIComponent(token), token) : token;
}

/**
 * The stream of the inbox of a protocol: its name in capitals. If it has capitals itself it stays as it is, so that no two
 * protocols have the same one.
 */
export function inboxStream(protocol: string): string {
  return /[A-Z]/.test(protocol) ? protocol : protocol.toUpperCase();
}

/** The stream of what a service has not handled of a protocol. */
export function deadStream(protocol: string): string {
  return `${inboxStream(protocol)}_DEAD`;
}

/** The stream of the replies to a service. */
export function replyStream(service: string): string {
  return `POSTHORN_REPLIES_${service}`;
}

/** The subject of an operation of an actor; `*` is any actor. */
export function operationSubject(protocol: string, key: string, operation: string): string {
  return `${protocol}.${key === "*" ? key : tokenOf(key)}.${operation}`;
}

/** The subject of a reply to an actor. */
export function replySubject(protocol: string, key: string, correlationId: string): string {
  return `${protocol}.${tokenOf(key)}.${replyPart}.${tokenOf(correlationId)}`;
}

/** The subjects that the stream of an inbox captures: never those of asks, or the stream would answer them. */
export function inboxSubjects({ protocol, operations }: Channel & { readonly kind: "inbox" }): string[] {
  const stored = operations.filter(({ mode }) => mode !== "ask");
  return [`${protocol}.*.${replyPart}.*`, ...stored.map(({ name }) => `${protocol}.*.${name}`)];
}

/** The subject of an event. */
export function eventSubject(protocol: string, event: string, subject: string): string {
  const tokens = subject === "" ? [] : subject.split(".").map(tokenOf);
  return ["posthorn.events", protocol, event, ...tokens].join(".");
}

/** The subject of the replies to a service. */
export function repliesSubject(service: string, correlationId: string): string {
  return `posthorn.replies.${service}.${tokenOf(correlationId)}`;
}

/** Whether only a stream listens to that address: it is one that this package has made. */
export function isStreamAddress(address: string): boolean {
  return address.startsWith("posthorn.replies.") ||
    /^[a-z][A-Za-z0-9]*\.[^.]+\.posthorn\.[^.]+$/.test(address);
}

/** Whether a reply may be sent to that address: to a subject without wildcards, and none that controls the server. */
export function isAddress(address: string): boolean {
  return address.length <= 1_024 && /^[^\s.*>$][^\s.*>]*(\.[^\s.*>]+)*$/.test(address);
}

/** The name of a channel, as one token. */
export function channelToken(channel: Channel): string {
  if (channel.kind === "inbox") return `inbox-${channel.protocol}`;
  return channel.kind === "event" ? `event-${channel.protocol}-${channel.event}` : channel.kind;
}
