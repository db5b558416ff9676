import { utf8Length } from "../../../runtime/base/ascii.ts";
import { guarded } from "../../../runtime/base/guarded.ts";
import type { Channel, Delivery } from "../../../runtime/ports/transport.ts";
import { type Header, headerBlock, type Message } from "./message.ts";
import { type AskTokens, askTokensOf, dotIn, replyName, textOf } from "./names.ts";

/** Headers that the delivery has in its own words, or that say something to the server alone. */
const known = new Set([
  "message-id",
  "content-type",
  "correlation-id",
  "reply-to",
  "posthorn-expires",
  "ce-specversion",
  "ce-id",
  "ce-type",
  "ce-subject",
  "ce-datacontenttype",
]);

/** The delivery that a message is, on that channel. `position` is absent if it comes from no stream; `depth` is how many
 * tokens of its subject are the namespace. */
export function deliveryOf(
  message: Message,
  channel: Channel,
  position: number | undefined,
  depth: number,
): Delivery {
  if (channel.kind === "process" && !message.hasHeaders) return bareReply(message);
  const told = channel.kind === "inbox" && position === undefined ? askTokensOf(message.reply) : undefined;
  const place = () => placeOf(message, depth, channel);
  if (told !== undefined && !message.hasHeaders) return bareAsk(message, place(), told);
  const all: Record<string, string> = {};
  const headers: Record<string, string> = {};
  for (const [given, text] of message.headers) {
    const name = given.toLowerCase();
    const value = all[name] = Object.hasOwn(all, name) ? `${all[name]}, ${text}` : text;
    if (!known.has(name) && !name.startsWith("nats-")) headers[name] = value;
  }
  if (told !== undefined) {
    headers["posthorn-sender"] ??= told.sender; // its headers come first
    headers["posthorn-deadline"] ??= told.deadline;
  }
  const { key, operation, correlation } = place();
  return {
    id: all["message-id"] || decoded(all["ce-id"]) || all["nats-msg-id"] || told?.id || undefined,
    key,
    operation,
    body: message.data,
    contentType: all["content-type"] || all["ce-datacontenttype"] || undefined,
    headers,
    replyTo: (position === undefined && channel.kind !== "process" ? message.reply : undefined) ||
      all["reply-to"] || undefined,
    correlationId: correlation || all["correlation-id"] || undefined,
    expiresAtMs: timeOf(all["posthorn-expires"] ?? headers["posthorn-deadline"]),
    position,
    again: false,
  };
}

/** A reply to an ask of this process that says nothing besides. */
function bareReply(message: Message): Delivery {
  return { key: "", body: message.data, headers: none, correlationId: replyName(message), again: false };
}

/** An ask that says what it has to say in the subject to which its reply goes. */
function bareAsk(
  { data, reply }: Message,
  { key, operation }: Place,
  { id, deadline, sender }: AskTokens,
): Delivery {
  return {
    id: id || undefined,
    key,
    operation,
    body: data,
    headers: { "posthorn-sender": sender, "posthorn-deadline": deadline },
    replyTo: reply,
    expiresAtMs: timeOf(deadline),
    again: false,
  };
}

const none: Delivery["headers"] = {};

/** About how many bytes a message takes in memory. */
export function bytesOf({ data }: Message): number {
  return data.length + 1_024;
}

/** How many bytes of headers a stream takes. */
const streamHeadMax = 65_535;

/**
 * The headers of a message that is put aside: why first, then its own, as many as there is room for. A message of a
 * stranger may be as large as the server allows.
 */
export function asideHeaders(
  { subject, headers: own }: Message,
  reason: string,
  room: number,
): Record<string, string> {
  const headers: Record<string, string> = {};
  const said: readonly Header[] = [["posthorn-reason", reason], ["posthorn-subject", subject], ...own];
  let left = Math.min(room, streamHeadMax) - headerBlock({}).length;
  for (const [name, value] of said) {
    const bytes = utf8Length(name) + utf8Length(value) + 4; // with a colon, a blank and the end of the line
    if (bytes > left || Object.hasOwn(headers, name) || /^nats-/i.test(name)) continue;
    headers[name] = value;
    left -= bytes;
  }
  return headers;
}

interface Place {
  readonly key: string;
  readonly operation?: string;
  readonly correlation?: string;
}

/** What the tokens of a subject say: they are decoded one by one. */
function placeOf(message: Message, depth: number, channel: Channel): Place {
  if (channel.kind === "process") return { key: "", correlation: replyName(message) };
  if (channel.kind === "inbox") return placeInInbox(message.subject, dotIn(message.subject, depth + 1));
  const tokens = message.subject.split(".").slice(depth);
  if (channel.kind === "event") {
    return { key: tokens.slice(4).map(textOf).join("."), operation: channel.event };
  }
  return { key: "", correlation: textOf(tokens.at(-1)!) };
}

/** The place in a subject of an inbox whose key begins there: an operation is behind it, or a word and the name of a reply. */
function placeInInbox(subject: string, at: number): Place {
  const operation = subject.indexOf(".", at) + 1;
  if (operation === 0) return { key: textOf(subject.slice(at)) };
  const key = textOf(subject.slice(at, operation - 1));
  const correlation = subject.indexOf(".", operation) + 1;
  if (correlation === 0) return { key, operation: subject.slice(operation) };
  const end = subject.indexOf(".", correlation);
  return { key, correlation: textOf(subject.slice(correlation, end < 0 ? undefined : end)) };
}

function decoded(value: string | undefined): string | undefined {
  return value === undefined ? undefined : guarded(() => decodeURIComponent(value), value);
}

function timeOf(value: string | undefined): number | undefined {
  const ms = Number(value || NaN);
  return Number.isFinite(ms) ? ms : undefined;
}
