import type { Msg } from "@nats-io/nats-core";
import { guarded } from "../../../runtime/base/guarded.ts";
import type { Channel, Delivery } from "../../../runtime/ports/transport.ts";
import { textOf } from "./names.ts";

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
  message: Msg,
  channel: Channel,
  position: number | undefined,
  depth: number,
): Delivery {
  if (channel.kind === "process" && message.headers === undefined) return bareReply(message);
  const all: Record<string, string> = {};
  const headers: Record<string, string> = {};
  for (const [given, values] of message.headers ?? []) {
    const name = given.toLowerCase();
    const value = values.length === 1 ? values[0] : values.join(", ");
    all[name] = value;
    if (!known.has(name) && !name.startsWith("nats-")) headers[name] = value;
  }
  const { key, operation, correlation } = placeOf(message.subject.split(".").slice(depth), channel);
  return {
    id: all["message-id"] || decoded(all["ce-id"]) || all["nats-msg-id"] || undefined,
    key,
    operation,
    body: message.data,
    contentType: all["content-type"] || all["ce-datacontenttype"] || undefined,
    headers,
    replyTo: (position === undefined ? message.reply : undefined) || all["reply-to"] || undefined,
    correlationId: correlation || all["correlation-id"] || undefined,
    expiresAtMs: timeOf(all["posthorn-expires"] ?? all["posthorn-deadline"]),
    position,
    again: false,
  };
}

/** A reply to an ask of this process that says nothing besides. */
function bareReply({ subject, data }: Msg): Delivery {
  const correlationId = textOf(subject.slice(subject.lastIndexOf(".") + 1));
  return { key: "", body: data, headers: none, correlationId, again: false };
}

const none: Delivery["headers"] = {};

/** About how many bytes a message takes in memory. */
export function bytesOf({ data }: Msg): number {
  return data.length + 1_024;
}

interface Place {
  readonly key: string;
  readonly operation?: string;
  readonly correlation?: string;
}

/** What the tokens of a subject say: they are decoded one by one. */
function placeOf(tokens: readonly string[], channel: Channel): Place {
  if (channel.kind === "inbox") {
    const [, key, operation, correlation] = tokens;
    if (correlation === undefined) return { key: textOf(key), operation };
    return { key: textOf(key), correlation: textOf(correlation) };
  }
  if (channel.kind === "event") {
    return { key: tokens.slice(4).map(textOf).join("."), operation: channel.event };
  }
  return { key: "", correlation: textOf(tokens.at(-1)!) };
}

function decoded(value: string | undefined): string | undefined {
  return value === undefined ? undefined : guarded(() => decodeURIComponent(value), value);
}

function timeOf(value: string | undefined): number | undefined {
  const ms = Number(value ?? NaN);
  return Number.isFinite(ms) ? ms : undefined;
}
