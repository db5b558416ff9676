import { utf8Length } from "../../../runtime/base/ascii.ts";
import type { Destination, Parcel, Refusal } from "../../../runtime/ports/transport.ts";
import {
  askReply,
  type AskTokens,
  isAddress,
  isStreamAddress,
  type Names,
  sharedReplyOf,
  tokenOf,
} from "./names.ts";
import type { Outgoing } from "./session.ts";

/** Who sends, and how much. */
export interface Sending {
  readonly service: string;
  readonly names: Names;
  /** The subject under which answers to this process come. */
  readonly inbox: string;
  /** The maximum size of a body. */
  readonly messageBytes: number;
  /** The maximum size of a message with its headers. */
  readonly payloadBytes: number;
  /** Whether the replies to the asks of a process may share a subject: the server may allow only the one that was given. */
  readonly mayShare: boolean;
  /** Whether servers that are far away may not know yet who hears the replies to this process. */
  readonly isNew: boolean;
}

/** How a parcel goes: into a stream, straight to whoever listens, or as the server tells of its subject. */
export interface Route {
  readonly by: "stream" | "core" | "address";
  readonly outgoing: Outgoing;
}

/** The maximum length of a subject: the server cuts connections that send a line of more than 4,096 bytes. */
const subjectBytesMax = 3_000;

/** Returns how a parcel goes, or why it cannot. One that is sent `once` needs no headers by which it is recognised. */
export function routeOf(parcel: Parcel, sending: Sending, once = false): Route | Refusal {
  const { to, id, body } = parcel;
  const { messageBytes, payloadBytes } = sending;
  const [by, subject] = pathOf(to, parcel.correlationId, sending.names);
  const refuse = (code: Refusal["code"], why: string): Refusal => ({
    code,
    message: `Cannot send ${id}: ${why}`,
  });
  if (to.kind === "reply" && !isAddress(subject)) return refuse("refused", "its reply address is no subject");
  if (to.kind !== "reply" && to.protocol === "posthorn") {
    return refuse("refused", "NATS reserves the name posthorn");
  }
  const mayBeLong = subject.length * 3 > subjectBytesMax; // a stranger's address may have any letters
  if (mayBeLong && utf8Length(subject) > subjectBytesMax) {
    return refuse("too-large", `its subject has ${utf8Length(subject)} of ${subjectBytesMax} bytes`);
  }
  if (body.length > messageBytes) {
    return refuse("too-large", `its body has ${body.length} of ${messageBytes} bytes`);
  }
  const asks = once && by === "core" && to.kind !== "reply" && parcel.replyTo?.kind === "process";
  const told = asks
    ? askReply(sending.inbox, parcel.correlationId ?? "", toldBy(parcel), !sending.isNew)
    : undefined;
  const address = told ?? addressOf(parcel, sending);
  const headers = once && by === "core"
    ? fewHeadersOf(parcel, told !== undefined)
    : headersOf(parcel, by === "core" ? undefined : address, sending.service);
  const size = body.length + sizeOf(headers);
  if (size > payloadBytes) {
    return refuse("too-large", `it has ${size} of ${payloadBytes} bytes with its headers`);
  }
  const mayShare = once && to.kind === "reply" && address === undefined && sending.mayShare;
  const shared = mayShare ? sharedReplyOf(subject) : undefined;
  if (shared !== undefined) {
    return { by, outgoing: { subject: shared.subject, body, headers, reply: shared.name } };
  }
  return { by, outgoing: { subject, body, headers, reply: by === "core" ? address : undefined } };
}

function pathOf(to: Destination, correlationId = "", names: Names): [Route["by"], string] {
  if (to.kind === "event") return ["stream", names.event(to.protocol, to.event, to.subject)];
  if (to.kind === "reply") {
    if (to.address.startsWith("_INBOX.")) return ["core", to.address];
    return [isStreamAddress(to.address) ? "stream" : "address", to.address];
  }
  const { protocol, key, operation } = to;
  if (operation === undefined) return ["stream", names.reply(protocol, key, correlationId)];
  return [operation.mode === "ask" ? "core" : "stream", names.operation(protocol, key, operation.name)];
}

function addressOf(
  { replyTo, correlationId = "" }: Parcel,
  { service, names, inbox }: Sending,
): string | undefined {
  if (replyTo === undefined) return undefined;
  if (replyTo.kind === "replies") return names.serviceReply(service, correlationId);
  if (replyTo.kind === "process") return `${inbox}.r.${tokenOf(correlationId)}`;
  return names.reply(replyTo.protocol, replyTo.key, correlationId);
}

/** Headers that a reply to a process need not have: no turn takes it, and its asker knows whom it asked what. */
const ofTurns = new Set(["posthorn-reply", "posthorn-sender", "posthorn-cause", "posthorn-correlation"]);

/** Headers that an ask need not have: the subject to which its reply goes says them. */
const ofAsks = new Set(["posthorn-sender", "posthorn-deadline"]);

function toldBy({ id, headers }: Parcel): AskTokens {
  return { id, deadline: headers["posthorn-deadline"] ?? "", sender: headers["posthorn-sender"] ?? "" };
}

/**
 * The headers of an ask, or of the reply to one, that is sent once: mostly none. The subject of a reply says to what it is
 * one, and nobody listens there to anything else; no repeat has to be recognised. A body without a type is JSON.
 */
function fewHeadersOf(
  { to, id, contentType, correlationId, headers: given }: Parcel,
  isTold: boolean,
): Record<string, string> {
  const isReply = to.kind === "reply";
  const needless = isReply ? ofTurns : isTold ? ofAsks : undefined;
  const headers: Record<string, string> = {};
  for (const name in given) if (needless?.has(name) !== true) headers[name] = given[name];
  if (!isReply && !isTold) headers["message-id"] = id;
  if (contentType !== undefined && contentType !== "application/json") headers["content-type"] = contentType;
  if (isReply && correlationId !== undefined) headers["correlation-id"] = correlationId;
  return headers;
}

function headersOf(parcel: Parcel, address: string | undefined, service: string): Record<string, string> {
  const { to, id, contentType, correlationId, expiresAtMs } = parcel;
  const headers: Record<string, string> = { ...parcel.headers, "message-id": id };
  if (contentType !== undefined) headers["content-type"] = contentType;
  if (correlationId !== undefined) headers["correlation-id"] = correlationId;
  if (address !== undefined) headers["reply-to"] = address;
  const expires = expiresAtMs === undefined ? undefined : String(expiresAtMs);
  if (expires !== undefined && expires !== headers["posthorn-deadline"]) {
    headers["posthorn-expires"] = expires;
  }
  if (to.kind !== "event") return headers;
  headers["ce-specversion"] = "1.0";
  headers["ce-id"] = percentEncoded(id);
  headers["ce-source"] = `/${service}`;
  headers["ce-type"] = `${to.protocol}.${to.event}`;
  if (to.subject !== "") headers["ce-subject"] = percentEncoded(to.subject);
  return headers;
}

/** A value as CloudEvents writes it into a header. */
function percentEncoded(text: string): string {
  return text.toWellFormed().replace(
    /[^!#-$&-~]/gu,
    (character) => character === "%" ? "%25" : encodeURIComponent(character),
  );
}

/** The size of headers on the wire, with those that a chain adds. What a stranger calls its reply may have any letters. */
function sizeOf(headers: Readonly<Record<string, string>>): number {
  let size = 160;
  for (const name in headers) size += name.length + utf8Length(headers[name]) + 4;
  return size;
}
