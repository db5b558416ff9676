import type { Delivery, Parcel } from "../../../runtime/ports/transport.ts";
import type { KafkaRecord, ReadRecord } from "./link.ts";
import { addressOf, type Names, type Reading, type Target } from "./names.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** The headers that a record has for the adapter; they are no headers of the message. */
const ownHeaders: ReadonlySet<string> = new Set([
  "id",
  "operation",
  "content-type",
  "reply-topic",
  "correlation-id",
  "kafka_replytopic",
  "kafka_replypartition",
  "kafka_correlationid",
  "ce_specversion",
  "ce_id",
  "ce_type",
  "ce_subject",
  "kafka_nest-err",
  "kafka_nest-is-disposed",
  "posthorn-process",
  "posthorn-return-key",
]);

/** What separates the name of a process from the correlation id that it gave. */
const processMark = "~";

/** How a correlation id begins that is not visible ASCII: Spring's are 16 random bytes, and must come back as they were. */
const bytesMark = "base64:";

/** The record of a parcel. A record has no header twice, and those of the adapter win over the parcel's. */
export function recordOf(
  parcel: Parcel,
  target: Target,
  names: Names,
): KafkaRecord {
  const { to, replyTo, correlationId } = parcel;
  const headers: Record<string, string | Uint8Array> = { ...parcel.headers, id: parcel.id };
  if (parcel.contentType !== undefined) headers["content-type"] = parcel.contentType;
  if (to.kind === "inbox" && to.operation !== undefined) headers.operation = to.operation.name;
  if (to.kind === "event") {
    headers.operation = to.event;
    headers["ce_specversion"] = "1.0";
    headers["ce_id"] = parcel.id;
    headers["ce_source"] = `/${names.service}`;
    headers["ce_type"] = `${to.protocol}.${to.event}`;
    if (to.subject !== "") headers["ce_subject"] = to.subject;
  }
  if (replyTo !== undefined) {
    headers["reply-topic"] = names.returnTopic(replyTo);
    headers["kafka_replyTopic"] = headers["reply-topic"]; // what Spring and NestJS answer to
  }
  if (replyTo?.kind === "inbox") headers["posthorn-return-key"] = replyTo.key;
  if (replyTo?.kind === "process") headers["posthorn-process"] = names.instance;
  if (correlationId !== undefined) {
    const asker = replyTo?.kind === "process" ? names.instance : target.process;
    headers["correlation-id"] = asker === undefined
      ? bytesOf(correlationId)
      : asker + processMark + correlationId;
    headers["kafka_correlationId"] = headers["correlation-id"];
  }
  if (parcel.expiresAtMs !== undefined) headers["posthorn-deadline"] ??= String(parcel.expiresAtMs);
  return { key: encoder.encode(target.key ?? correlationId ?? parcel.id), value: parcel.body, headers };
}

/** The delivery of a record; `undefined` if it is for another process, or NestJS's word that there are no more answers. */
export function deliveryOf(record: ReadRecord, reading: Reading): Delivery | undefined {
  const headers: Record<string, string> = {};
  const own = new Map<string, Uint8Array>();
  for (const [name, value] of record.headers) {
    const lower = name.toLowerCase();
    if (ownHeaders.has(lower)) own.set(lower, value);
    else if (lower !== "__proto__") headers[lower.replace(/^ce_/, "ce-")] = decoder.decode(value);
  }
  const text = (name: string) => {
    const bytes = own.get(name);
    return bytes === undefined ? undefined : decoder.decode(bytes);
  };
  if (own.has("kafka_nest-is-disposed") && record.value.length === 0) return undefined;
  const nestFailure = text("kafka_nest-err");
  let correlationId = correlationOf(own.get("correlation-id") ?? own.get("kafka_correlationid"));
  let asker = reading.process ?? text("posthorn-process");
  if (asker !== undefined && correlationId?.startsWith(asker + processMark)) {
    correlationId = correlationId.slice(asker.length + processMark.length);
  } else if (reading.process !== undefined) return undefined;
  else asker = undefined;
  const replyTopic = text("reply-topic") ?? text("kafka_replytopic");
  const deadline = Number(headers["posthorn-deadline"] ?? NaN);
  return {
    id: text("id") ?? text("ce_id"),
    key: keyOf(record, reading, text("ce_subject")),
    operation: text("operation") ?? text("ce_type")?.split(".").at(-1),
    body: nestFailure === undefined ? record.value : encoder.encode(JSON.stringify({ detail: nestFailure })),
    contentType: nestFailure === undefined ? text("content-type") : "application/problem+json",
    headers,
    replyTo: replyTopic === undefined ? undefined : addressOf({
      topic: replyTopic,
      partition: partitionNumber(own.get("kafka_replypartition")),
      process: asker,
      key: text("posthorn-return-key"),
    }),
    correlationId,
    expiresAtMs: Number.isSafeInteger(deadline) && deadline >= 0 ? deadline : undefined,
    position: record.offset,
    again: false,
  };
}

/** The key of the actor; of an event its subject; of a reply that no actor waits for, nothing. */
function keyOf({ key }: ReadRecord, { channel }: Reading, subject: string | undefined): string {
  if (channel === "event") return subject ?? "";
  return channel === "inbox" && key !== undefined ? decoder.decode(key) : "";
}

/** The record that keeps a rejected one, with why and where it was. */
export function deadRecordOf(
  record: ReadRecord,
  reason: string,
  service: string,
  source: string,
): KafkaRecord {
  const headers: Record<string, string | Uint8Array> = Object.fromEntries(record.headers);
  headers["posthorn-reason"] = reason;
  headers["posthorn-rejected-by"] = service;
  headers["posthorn-source"] = source;
  return { key: record.key ?? new Uint8Array(), value: record.value, headers };
}

/** How many bytes a record takes, a little more than it will be. */
export function sizeOf({ key, value, headers }: KafkaRecord): number {
  let bytes = 40 + key.length + value.length;
  for (const [name, of] of Object.entries(headers)) bytes += 8 + name.length + 3 * of.length;
  return bytes;
}

function correlationOf(bytes: Uint8Array | undefined): string | undefined {
  if (bytes === undefined) return undefined;
  const visible = bytes.every((byte) => byte >= 0x20 && byte < 0x7f);
  const text = visible ? decoder.decode(bytes) : "";
  if (visible && !text.startsWith(bytesMark)) return text;
  return bytesMark + btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
}

function bytesOf(correlationId: string): string | Uint8Array {
  if (!correlationId.startsWith(bytesMark)) return correlationId;
  return Uint8Array.from(atob(correlationId.slice(bytesMark.length)), (char) => char.charCodeAt(0));
}

/** The partition in which an answer is wanted: NestJS writes digits, Spring four bytes, the highest first. */
function partitionNumber(bytes: Uint8Array | undefined): number | undefined {
  if (bytes === undefined) return undefined;
  const text = decoder.decode(bytes);
  if (/^\d{1,6}$/.test(text)) return Number(text);
  if (bytes.length !== 4) return undefined;
  const number = new DataView(bytes.buffer, bytes.byteOffset, 4).getInt32(0);
  return number >= 0 && number < 1_000_000 ? number : undefined;
}
