import { messageOf } from "../base/errors.ts";
import { fingerprint } from "../base/fingerprint.ts";
import { guarded } from "../base/guarded.ts";
import { shorten } from "../base/shorten.ts";
import { codeOf } from "../base/thrown.ts";
import { faultOfName } from "../language/address.ts";
import { givenHeaders } from "../language/given_headers.ts";
import { namePattern } from "../language/protocol.ts";
import { isGivenId } from "../messages/ids.ts";
import type { ReplyAddress } from "../messages/remote_address.ts";
import type { Delivery, Tenure } from "../ports/transport.ts";
import { givenName, wireHeaders } from "./wire.ts";

/** Why a message will not be handled: a stable code, and words. */
export interface Fault {
  readonly code: string;
  readonly message: string;
}

/**
 * A message from another service, without its payload. All of it may be forged, so nothing of it moves a clock or a
 * place in an order.
 */
export interface ReceivedMessage {
  readonly delivery: Delivery;
  readonly id: string;
  /**
   * The id as its sender or the log gave it, which of the two it was, and which log; absent if nobody did, so that no
   * repeat of it is recognised.
   */
  readonly givenId: string | undefined;
  /** The service or the actor that sent it, as it says itself; empty for a stranger. */
  readonly sender: string;
  /** The service of that. */
  readonly service: string;
  readonly causationId: string | undefined;
  readonly correlationId: string | undefined;
  readonly deadlineMs: number | undefined;
  readonly headers: Readonly<Record<string, string>> | undefined;
  /** Where its reply goes; absent if nobody waits for one. */
  readonly returnTo: ReplyAddress | undefined;
  /** Why its headers cannot be used; absent mostly. */
  readonly fault: Fault | undefined;
}

const none = { headers: undefined };
/** The most characters that are kept of what a sender calls itself, and of an id. */
const senderUnitsMax = 1_000;
const idUnitsMax = 255;

/**
 * Reads the head of a delivery. `fresh` makes an id for a message that nothing names: in a log its position does, within
 * the identity of that log.
 */
export function receivedMessage(
  delivery: Delivery,
  tenure: Tenure,
  fresh: () => string,
): ReceivedMessage {
  const { id, headers } = delivery;
  const sender = shorten(headers[wireHeaders.sender] ?? "", senderUnitsMax);
  const named = id || placeOf(delivery, tenure);
  const user = userHeaders(headers);
  return {
    delivery,
    id: named === undefined ? fresh() : validId(named),
    givenId: givenIdOf(delivery, tenure),
    sender,
    service: decoded(sender.split("/")[0]),
    causationId: chainId(headers[wireHeaders.cause]),
    correlationId: chainId(headers[wireHeaders.correlation]),
    deadlineMs: deadlineOf(delivery),
    headers: "code" in user ? undefined : user.headers,
    returnTo: returnAddress(delivery),
    fault: "code" in user ? user : undefined,
  };
}

/** The id of a delivery as its sender or the log gave it, and which of the two it was; absent if nobody did. */
export function givenIdOf(delivery: Delivery, tenure: Tenure): string | undefined {
  if (delivery.id) return `id ${delivery.id}`;
  const place = placeOf(delivery, tenure);
  return place && `at ${tenure.epoch ?? ""} ${place}`;
}

function placeOf({ position }: Delivery, { shard }: Tenure): string | undefined {
  return position === undefined ? undefined : `${shard}:${position}`;
}

/** An id as this system takes it: that of a stranger may have any characters. */
function validId(id: string): string {
  if (isGivenId(id)) return id;
  const encoded = encodeURIComponent(id.toWellFormed());
  if (isGivenId(encoded)) return encoded;
  const print = fingerprint(id);
  return `${encoded.slice(0, idUnitsMax - print.length - 1)}~${print}`;
}

function chainId(id: string | undefined): string | undefined {
  const text = id && decoded(id);
  return text !== undefined && isGivenId(text) ? text : undefined;
}

/** The headers of the user, or why they cannot be taken. */
function userHeaders(
  headers: Delivery["headers"],
): { readonly headers: Readonly<Record<string, string>> | undefined } | Fault {
  let kept: [string, string][] | undefined;
  let encoded: Set<string> | undefined;
  for (const name in headers) {
    const given = givenName(name); // those travel with all messages that the turn sends
    if (given === undefined) continue;
    encoded ??= new Set(headers[wireHeaders.encoded]?.split(","));
    (kept ??= []).push([given, encoded.has(name) ? decoded(headers[name]) : headers[name]]);
  }
  if (kept === undefined) return none;
  try {
    return { headers: givenHeaders(Object.fromEntries(kept)) };
  } catch (error) {
    return { code: codeOf(error, "invalid-headers"), message: messageOf(error) };
  }
}

function deadlineOf({ headers, expiresAtMs }: Delivery): number | undefined {
  const text = headers[wireHeaders.deadline];
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : expiresAtMs;
}

function returnAddress({ headers, replyTo, correlationId }: Delivery): ReplyAddress | undefined {
  const protocol = headers[wireHeaders.replyProtocol];
  const key = decoded(headers[wireHeaders.replyKey] ?? "");
  if (protocol !== undefined && namePattern.test(protocol) && faultOfName(key) === undefined) {
    return { protocol, key, correlationId };
  }
  return replyTo === undefined ? undefined : { address: replyTo, correlationId };
}

/** The text that was encoded for a header; the text itself if it is no such text. */
export function decoded(text: string): string {
  if (!text.includes("%")) return text;
  return guarded(() => decodeURIComponent(text), text);
}
