import { guarded } from "../../../runtime/base/guarded.ts";
import type { Delivery, Parcel, Refusal } from "../../../runtime/ports/transport.ts";
import { returnPath } from "./addresses.ts";
import type { Frame, Head } from "./frames.ts";

/** The longest id, key and other text in front of a body. */
const textUnitsMax = 4_000;
const headersMax = 200;

/** A parcel as a frame. `instance` is the process that sends it. */
export function frameOf(parcel: Parcel, instance: string, key?: string): Frame {
  const { to, id, body, contentType, headers, replyTo, correlationId, expiresAtMs } = parcel;
  const head = {
    id,
    ...keyOf(to, key),
    contentType,
    ...Object.keys(headers).length > 0 && { headers },
    ...replyTo !== undefined && { replyTo: returnPath(replyTo, instance) },
    correlationId,
    expiresAtMs,
  };
  return { head, body: body as Uint8Array<ArrayBuffer> };
}

function keyOf(to: Parcel["to"], key: string | undefined): object {
  if (to.kind === "inbox") return { key: to.key, operation: to.operation?.name };
  if (to.kind === "reply") return { key };
  return to.subject === "" ? {} : { key: to.subject };
}

/** A delivery without what its receiver adds. `replyTo` is still a path. */
export type Received = Omit<Delivery, "again" | "position">;

/** Reads a frame that came from a service, or says why it cannot be read. */
export function receivedOf(
  { head, body }: Frame,
  from: string,
  messageBytes: number,
): Received | Refusal {
  if (body.length > messageBytes) {
    return { code: "too-large", message: `Its body has ${body.length} of ${messageBytes} bytes` };
  }
  const headers = headersOf(head);
  if (headers === undefined) return unreadable("its headers are no object of texts");
  const sender = guarded(() => decodeURIComponent((headers["posthorn-sender"] ?? from).split("/")[0]), "");
  if (sender !== from) return unreadable("its sender is another service than the one that has signed it");
  const { expiresAtMs } = head;
  if (expiresAtMs !== undefined && !Number.isSafeInteger(expiresAtMs)) {
    return unreadable("expiresAtMs is no number");
  }
  const texts = textsOf(head);
  if (texts === undefined) {
    return unreadable(`a text in it has more than ${textUnitsMax} characters, or is none`);
  }
  return { ...texts, key: texts.key ?? "", body, headers, expiresAtMs: expiresAtMs as number | undefined };
}

const textNames = ["id", "key", "operation", "contentType", "replyTo", "correlationId"] as const;

function textsOf(head: Head): Partial<Record<typeof textNames[number], string>> | undefined {
  const texts: Partial<Record<typeof textNames[number], string>> = {};
  for (const name of textNames) {
    const value = head[name];
    if (value === undefined) continue;
    if (typeof value !== "string" || value.length > textUnitsMax) return undefined;
    texts[name] = value;
  }
  return texts;
}

function headersOf({ headers }: Head): Readonly<Record<string, string>> | undefined {
  if (headers === undefined) return {};
  if (typeof headers !== "object" || headers === null || Array.isArray(headers)) return undefined;
  const entries = Object.entries(headers as Record<string, unknown>);
  if (entries.length > headersMax) return undefined;
  const kept: Record<string, string> = {};
  for (const [name, value] of entries) {
    if (typeof value !== "string" || !/^[a-z0-9-]+$/.test(name)) return undefined;
    kept[name] = value;
  }
  return kept;
}

function unreadable(why: string): Refusal {
  return { code: "refused", message: `It cannot be read: ${why}` };
}
